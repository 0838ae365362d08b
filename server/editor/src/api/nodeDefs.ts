/** Node classes, from `/object_info`. */

import { isObject, type Json, type JsonObject } from "../json";
import { SUBGRAPH, type GraphNode, type Workflow } from "../graph/model";

export type Widget =
  | { readonly kind: "int"; readonly min: number | bigint; readonly max: number | bigint; readonly step: number; readonly seed: boolean; readonly slider: boolean }
  | { readonly kind: "float"; readonly min: number; readonly max: number; readonly step: number; readonly round: number; readonly slider: boolean }
  | { readonly kind: "text"; readonly multiline: boolean; readonly dynamic: boolean; readonly placeholder: string }
  | { readonly kind: "boolean"; readonly on: string; readonly off: string }
  | { readonly kind: "combo"; readonly options: readonly Json[]; readonly upload: boolean }
  | { readonly kind: "color" };

export interface InputDef {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  /** Absent: it takes a link only. */
  readonly widget?: Widget;
  readonly default?: Json;
  readonly tooltip: string;
  readonly lazy: boolean;
}

export interface OutputDef {
  readonly name: string;
  readonly type: string;
  readonly list: boolean;
  readonly tooltip: string;
}

export interface NodeDef {
  readonly classType: string;
  readonly title: string;
  readonly category: string;
  readonly description: string;
  readonly inputs: readonly InputDef[];
  readonly outputs: readonly OutputDef[];
  readonly outputNode: boolean;
  readonly deprecated: boolean;
  readonly experimental: boolean;
  readonly pack: string;
}

export type NodeDefs = Readonly<Record<string, NodeDef>>;

export function readNodeDefs(info: Json): NodeDefs {
  const defs: Record<string, NodeDef> = {};
  for (const [name, raw] of Object.entries(isObject(info) ? info : {})) if (isObject(raw)) defs[name] = readNodeDef(name, raw);
  return defs;
}

function readNodeDef(classType: string, raw: JsonObject): NodeDef {
  const input = object(raw["input"]);
  const inputs = (["required", "optional"] as const).flatMap((group) =>
    Object.entries(object(input[group])).flatMap(([name, spec]) =>
      Array.isArray(spec) ? [readInput(name, spec, group === "required")] : [],
    ),
  );
  const types = list(raw["output"]);
  const names = list(raw["output_name"]);
  const lists = list(raw["output_is_list"]);
  const tooltips = list(raw["output_tooltips"]);
  return {
    classType,
    title: string(raw["display_name"]) || classType,
    category: string(raw["category"]),
    description: string(raw["description"]),
    inputs,
    outputs: types.map((type, index) => ({
      name: string(names[index]) || (Array.isArray(type) ? "COMBO" : string(type)),
      type: Array.isArray(type) ? "COMBO" : string(type),
      list: lists[index] === true,
      tooltip: string(tooltips[index]),
    })),
    outputNode: raw["output_node"] === true,
    deprecated: raw["deprecated"] === true,
    experimental: raw["experimental"] === true,
    pack: string(raw["python_module"]).replace(/^custom_nodes\./, "").replace(/^nodes$/, ""),
  };
}

function readInput(name: string, spec: readonly Json[], required: boolean): InputDef {
  const [type, raw] = spec;
  const options = object(raw);
  const widget = options["forceInput"] === true ? undefined : readWidget(name, type ?? "*", options);
  const fallback = options["default"] ?? defaultOf(widget);
  return {
    name,
    type: Array.isArray(type) ? "COMBO" : string(type) || "*",
    required,
    ...(widget && { widget }),
    ...(fallback !== undefined && { default: fallback }),
    tooltip: string(options["tooltip"]),
    lazy: options["lazy"] === true,
  };
}

function readWidget(name: string, type: Json, options: JsonObject): Widget | undefined {
  if (Array.isArray(type) || type === "COMBO") {
    const choices = Array.isArray(type) ? type : list(options["options"]);
    return { kind: "combo", options: choices, upload: options["image_upload"] === true };
  }
  const slider = options["display"] === "slider";
  switch (string(type).split(",")[0]) {
    case "INT":
      if (options["display"] === "color") return { kind: "color" };
      return {
        kind: "int",
        min: integer(options["min"], 0),
        max: integer(options["max"], Number.MAX_SAFE_INTEGER),
        step: number(options["step"], 1),
        seed: options["control_after_generate"] !== undefined || name === "seed" || name === "noise_seed",
        slider,
      };
    case "FLOAT": {
      const step = number(options["step"], 0.1);
      return {
        kind: "float",
        min: number(options["min"], -1e9),
        max: number(options["max"], 1e9),
        step,
        round: number(options["round"], 0),
        slider,
      };
    }
    case "STRING":
      return {
        kind: "text",
        multiline: options["multiline"] === true,
        dynamic: options["dynamicPrompts"] === true,
        placeholder: string(options["placeholder"]),
      };
    case "BOOLEAN":
      return { kind: "boolean", on: string(options["label_on"]) || "on", off: string(options["label_off"]) || "off" };
    case "COLOR":
      return { kind: "color" };
    default:
      return undefined;
  }
}

function defaultOf(widget: Widget | undefined): Json | undefined {
  switch (widget?.kind) {
    case "int":
      return widget.min > 0 ? widget.min : 0;
    case "float":
      return Math.max(0, widget.min);
    case "text":
      return "";
    case "boolean":
      return false;
    case "combo":
      return widget.options[0];
    case "color":
      return 0;
    default:
      return undefined;
  }
}

/** The class of a node; for an instance of a sub-graph, what its definition shows. */
export function defOf(node: GraphNode, defs: NodeDefs, workflow: Workflow): NodeDef | undefined {
  if (!node.classType.startsWith(SUBGRAPH)) return defs[node.classType];
  return subgraphDef(node.classType.slice(SUBGRAPH.length), defs, workflow);
}

export function subgraphDef(id: string, defs: NodeDefs, workflow: Workflow): NodeDef | undefined {
  const definition = workflow.subgraphs[id];
  if (!definition) return undefined;
  const inner = (node: string, input: string): InputDef | undefined => {
    const target = definition.graph.nodes[node];
    const def = target && defOf(target, defs, workflow);
    const found = def?.inputs.find((each) => each.name === input);
    if (!found || !target) return found;
    const value = target.values[input];
    return value === undefined ? found : { ...found, default: value };
  };
  const inputs: InputDef[] = Object.entries(definition.inputs).map(([name, { type, to }]) => {
    const found = to[0] && inner(to[0][0], to[0][1]);
    return { tooltip: "", lazy: false, required: found?.required ?? true, ...found, name, type };
  });
  for (const [name, [node, input]] of Object.entries(definition.exposed)) {
    const found = inner(node, input);
    if (found) inputs.push({ ...found, name, required: false });
  }
  const outputs = Object.entries(definition.outputs).map(([name, [node, output]]) => {
    const source = definition.graph.nodes[node];
    const found = source && defOf(source, defs, workflow)?.outputs[output];
    return { name, type: found?.type ?? "*", list: found?.list ?? false, tooltip: "" };
  });
  return {
    classType: SUBGRAPH + id,
    title: definition.title,
    category: "subgraphs",
    description: "",
    inputs,
    outputs,
    outputNode: false,
    deprecated: false,
    experimental: false,
    pack: "",
  };
}

/** Values of a fresh node: every widget's default. */
export function defaultValues(def: NodeDef): Record<string, Json> {
  const values: Record<string, Json> = {};
  for (const input of def.inputs) if (input.widget && input.default !== undefined) values[input.name] = input.default;
  return values;
}

function object(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function string(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function number(value: Json | undefined, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}

function integer(value: Json | undefined, fallback: number): number | bigint {
  return typeof value === "number" || typeof value === "bigint" ? value : fallback;
}
