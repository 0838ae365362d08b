/** The saved form: an API graph with `_meta` on nodes and one extra key, `_workflow`. What is not known is kept. */

import { isObject, type Json, type JsonObject } from "../json";
import { rankLayout, roughHeight } from "./layout";
import {
  EMPTY_GRAPH,
  emptyWorkflow,
  linkId,
  linksByTarget,
  type Control,
  type Graph,
  type GraphNode,
  type Group,
  type Link,
  type Mode,
  type NamedInput,
  type NamedOutput,
  type Note,
  type Point,
  type Reroute,
  type Subgraph,
  type SubgraphInput,
  type Workflow,
} from "./model";

export const VERSION = 1;

/** Why a document cannot be opened, in words for people. */
export class DocumentError extends Error {}

const KNOWN_META = new Set(["title", "pos", "size", "mode", "collapsed", "color", "pinned", "control"]);
const KNOWN_ABOUT = new Set([
  "version", "id", "title", "description", "inputs", "outputs", "groups", "notes", "reroutes", "subgraphs", "viewport",
]);

const KNOWN_GROUP = new Set(["id", "title", "bounding", "color"]);
const KNOWN_NOTE = new Set(["id", "text", "pos", "size"]);
const KNOWN_INPUT = new Set(["at", "title", "help", "order"]);
const KNOWN_SUBGRAPH = new Set(["title", "graph", "inputs", "outputs", "exposed", "groups", "notes", "reroutes"]);

/** Whether a value looks like a plain graph or a document of ours. */
export function isDocument(value: Json): value is JsonObject {
  if (!isObject(value)) return false;
  const nodes = Object.entries(value).filter(([id]) => id !== "_workflow");
  return nodes.every(([, node]) => isObject(node) && "class_type" in node) && (nodes.length > 0 || "_workflow" in value);
}

export function readDocument(document: Json): Workflow {
  if (!isObject(document)) throw new DocumentError("This is not a workflow: it should be an object of nodes.");
  const about = isObject(document["_workflow"]) ? document["_workflow"] : {};
  const version = about["version"];
  if (typeof version === "number" && version > VERSION)
    throw new DocumentError(`This workflow is of version ${version}, and this editor reads up to ${VERSION}. A newer Safelight opens it.`);
  const base = emptyWorkflow(text(about["title"]) ?? "Untitled");
  const viewport = isObject(about["viewport"]) ? about["viewport"] : undefined;
  const pos = point(viewport?.["pos"]);
  return {
    ...base,
    id: text(about["id"]) ?? base.id,
    description: text(about["description"]) ?? "",
    graph: readGraph(document, about),
    subgraphs: mapped(about["subgraphs"], readSubgraph),
    inputs: mapped(about["inputs"], readInput),
    outputs: mapped(about["outputs"], readOutput),
    ...(pos && typeof viewport?.["zoom"] === "number" ? { viewport: { pos, zoom: viewport["zoom"] } } : {}),
    rest: without(about, KNOWN_ABOUT),
  };
}

function readGraph(document: JsonObject, about: JsonObject): Graph {
  const nodes: Record<string, GraphNode> = {};
  const links: Record<string, Link> = {};
  const homeless = new Set<string>();
  for (const [id, raw] of Object.entries(document)) {
    if (id === "_workflow" || !isObject(raw)) continue;
    const node = readNode(id, raw);
    if (!isObject(raw["_meta"]) || !point(raw["_meta"]["pos"])) homeless.add(id);
    nodes[id] = node;
    for (const [input, value] of Object.entries(isObject(raw["inputs"]) ? raw["inputs"] : {}))
      if (isLink(value)) links[linkId(id, input)] = { source: String(value[0]), output: Number(value[1]), target: id, input };
  }
  const graph: Graph = {
    nodes,
    links,
    groups: listed(about["groups"], readGroup),
    notes: listed(about["notes"], readNote),
    reroutes: listed(about["reroutes"], readReroute),
  };
  return homeless.size ? withPlaces(graph, homeless) : graph;
}

/** Nodes without a place stand in columns, below those that have one. */
function withPlaces(graph: Graph, homeless: ReadonlySet<string>): Graph {
  const laid = rankLayout(graph);
  if (homeless.size === Object.keys(graph.nodes).length) return laid;
  const settled = Object.values(graph.nodes).filter((node) => !homeless.has(node.id));
  const left = settled.reduce((least, node) => Math.min(least, node.pos[0]), Infinity);
  const bottom = settled.reduce((most, node) => Math.max(most, node.pos[1] + roughHeight(node, 3)), -Infinity);
  const nodes = Object.values(laid.nodes).map((node): GraphNode =>
    homeless.has(node.id) ? { ...node, pos: [node.pos[0] + left, node.pos[1] + bottom + 80] } : graph.nodes[node.id]!,
  );
  return { ...graph, nodes: Object.fromEntries(nodes.map((node) => [node.id, node])) };
}

function readNode(id: string, raw: JsonObject): GraphNode {
  const classType = text(raw["class_type"]);
  if (!classType) throw new DocumentError(`Node ${id} has no class: its class_type should be a name.`);
  const meta = isObject(raw["_meta"]) ? raw["_meta"] : {};
  const values: Record<string, Json> = {};
  for (const [name, value] of Object.entries(isObject(raw["inputs"]) ? raw["inputs"] : {}))
    if (!isLink(value)) values[name] = isObject(value) && "__value__" in value ? value["__value__"]! : value;
  const title = text(meta["title"]);
  const size = point(meta["size"]);
  const color = text(meta["color"]);
  const mode = meta["mode"] === "mute" || meta["mode"] === "bypass" ? (meta["mode"] as Mode) : undefined;
  return {
    id,
    classType,
    pos: point(meta["pos"]) ?? [0, 0],
    values,
    ...(size && { size }),
    ...(title && { title }),
    ...(mode && { mode }),
    ...(color && { color }),
    ...(meta["collapsed"] === true && { collapsed: true }),
    ...(meta["pinned"] === true && { pinned: true }),
    ...(isObject(meta["control"]) && { control: meta["control"] as Record<string, Control> }),
    meta: { ...without(meta, KNOWN_META), ...(meta["mode"] !== undefined && !mode && { mode: meta["mode"] }) },
    rest: without(raw, new Set(["class_type", "inputs", "_meta"])),
  };
}

function readGroup(raw: JsonObject, index: number): Group | undefined {
  const box = raw["bounding"];
  if (!Array.isArray(box) || box.length !== 4) return undefined;
  const color = text(raw["color"]);
  const [x, y, w, h] = box.map(Number) as [number, number, number, number];
  return { id: text(raw["id"]) ?? `group-${index}`, title: text(raw["title"]) ?? "", bounding: [x, y, w, h], ...(color && { color }), ...unknown(raw, KNOWN_GROUP) };
}

function readNote(raw: JsonObject, index: number): Note {
  return {
    id: text(raw["id"]) ?? `note-${index}`,
    text: text(raw["text"]) ?? "",
    pos: point(raw["pos"]) ?? [0, 0],
    size: point(raw["size"]) ?? [240, 120],
    ...unknown(raw, KNOWN_NOTE),
  };
}

function readReroute(raw: JsonObject, index: number): Reroute | undefined {
  const link = raw["link"];
  const pos = point(raw["pos"]);
  if (!Array.isArray(link) || link.length !== 4 || !pos) return undefined;
  return { id: text(raw["id"]) ?? `reroute-${index}`, pos, link: linkId(String(link[2]), String(link[3])) };
}

function readInput(raw: Json): NamedInput | undefined {
  const facts = isObject(raw) ? raw : {};
  const at = isObject(raw) ? raw["at"] : raw;
  if (!Array.isArray(at) || at.length !== 2) return undefined;
  const title = text(facts["title"]);
  const help = text(facts["help"]);
  return {
    node: String(at[0]),
    input: String(at[1]),
    ...(title && { title }),
    ...(help && { help }),
    ...(typeof facts["order"] === "number" && { order: facts["order"] }),
    ...unknown(facts, KNOWN_INPUT),
  };
}

function readOutput(raw: Json): NamedOutput | undefined {
  if (Array.isArray(raw) && raw.length === 2) return { node: String(raw[0]), output: Number(raw[1]) };
  return typeof raw === "string" || typeof raw === "number" ? { node: String(raw) } : undefined;
}

function readSubgraph(raw: Json, id: string): Subgraph | undefined {
  if (!isObject(raw)) return undefined;
  return {
    id,
    title: text(raw["title"]) ?? "Subgraph",
    graph: isObject(raw["graph"]) ? readGraph(raw["graph"], raw) : EMPTY_GRAPH,
    inputs: mapped(raw["inputs"], (entry): SubgraphInput | undefined =>
      isObject(entry)
        ? { type: text(entry["type"]) ?? "*", to: places(entry["to"]).map(([node, name]) => [node, String(name)] as const) }
        : undefined,
    ),
    outputs: mapped(raw["outputs"], (entry) => {
      const place = places([entry])[0];
      return place && ([place[0], Number(place[1])] as const);
    }),
    exposed: mapped(raw["exposed"], (entry) => {
      const place = places([entry])[0];
      return place && ([place[0], String(place[1])] as const);
    }),
    ...unknown(raw, KNOWN_SUBGRAPH),
  };
}

function unknown(raw: JsonObject, known: ReadonlySet<string>): { rest?: JsonObject } {
  const rest = without(raw, known);
  return Object.keys(rest).length ? { rest } : {};
}

/** The document to save. */
export function writeDocument(workflow: Workflow): JsonObject {
  const subgraphs = Object.fromEntries(
    Object.values(workflow.subgraphs).map((each) => [
      each.id,
      {
        ...each.rest,
        title: each.title,
        graph: writeNodes(each.graph),
        ...clean({
          inputs: Object.fromEntries(
            Object.entries(each.inputs).map(([name, input]) => [name, { type: input.type, to: input.to.map((to) => [...to]) }]),
          ),
          outputs: Object.fromEntries(Object.entries(each.outputs).map(([name, [node, output]]) => [name, [node, output]])),
          exposed: Object.fromEntries(Object.entries(each.exposed).map(([name, [node, input]]) => [name, [node, input]])),
          ...writeLooks(each.graph),
        }),
      },
    ]),
  );
  const known = clean({
    version: VERSION,
    id: workflow.id,
    title: workflow.title,
    description: workflow.description || undefined,
    inputs: Object.fromEntries(
      Object.entries(workflow.inputs).map(([name, { node, input, title, help, order, rest }]) => [
        name,
        title === undefined && help === undefined && order === undefined && rest === undefined
          ? [node, input]
          : { ...clean({ at: [node, input], title, help, order }), ...rest },
      ]),
    ),
    outputs: Object.fromEntries(
      Object.entries(workflow.outputs).map(([name, { node, output }]) => [name, output === undefined ? node : [node, output]]),
    ),
    ...writeLooks(workflow.graph),
    subgraphs,
    viewport: workflow.viewport && { pos: [...workflow.viewport.pos], zoom: workflow.viewport.zoom },
  });
  return { ...writeNodes(workflow.graph), _workflow: { ...known, ...workflow.rest } };
}

/** The nodes alone, as they are saved. */
export function writeNodes(graph: Graph): JsonObject {
  const links = linksByTarget(graph);
  return Object.fromEntries(
    Object.values(graph.nodes).map((node) => [node.id, writeNode(node, graph, links.get(node.id) ?? [])]),
  );
}

function writeNode(node: GraphNode, graph: Graph, links: readonly Link[]): JsonObject {
  const inputs: Record<string, Json> = {};
  for (const [name, value] of Object.entries(node.values))
    if (!(linkId(node.id, name) in graph.links)) inputs[name] = Array.isArray(value) ? { __value__: value } : value;
  for (const link of links) inputs[link.input] = [link.source, link.output];
  return {
    ...node.rest,
    class_type: node.classType,
    inputs,
    _meta: {
      ...node.meta,
      ...clean({
        title: node.title,
        pos: node.pos.map(Math.round),
        size: node.size?.map(Math.round),
        mode: node.mode ?? node.meta?.["mode"],
        collapsed: node.collapsed,
        color: node.color,
        pinned: node.pinned,
        control: node.control && Object.keys(node.control).length ? node.control : undefined,
      }),
    },
  };
}

function writeLooks(graph: Graph): JsonObject {
  const reroutes = Object.values(graph.reroutes).flatMap(({ id, pos, link }) => {
    const on = graph.links[link];
    return on ? [{ id, pos: pos.map(Math.round), link: [on.source, on.output, on.target, on.input] }] : [];
  });
  return clean({
    groups: some(Object.values(graph.groups).map(({ rest, ...group }) => ({ ...rest, ...clean({ ...group, bounding: group.bounding.map(Math.round) }) }))),
    notes: some(Object.values(graph.notes).map(({ rest, ...note }) => ({ ...rest, ...note, pos: [...note.pos], size: [...note.size] }))),
    reroutes: some(reroutes),
  });
}

function isLink(value: Json): value is readonly [string | number, number] {
  return Array.isArray(value) && value.length === 2 && ["string", "number"].includes(typeof value[0]) && typeof value[1] === "number";
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function point(value: Json | undefined): Point | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [x, y] = value.map(Number);
  return Number.isFinite(x) && Number.isFinite(y) ? [x!, y!] : undefined;
}

function places(value: Json | undefined): (readonly [string, string | number])[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each) =>
    Array.isArray(each) && each.length === 2 ? [[String(each[0]), each[1] as string | number] as const] : [],
  );
}

function mapped<T>(value: Json | undefined, read: (raw: Json, name: string) => T | undefined): Record<string, T> {
  const found: Record<string, T> = {};
  for (const [name, raw] of Object.entries(isObject(value) ? value : {})) {
    const each = read(raw, name);
    if (each !== undefined) found[name] = each;
  }
  return found;
}

function listed<T extends { id: string }>(
  value: Json | undefined,
  read: (raw: JsonObject, index: number) => T | undefined,
): Record<string, T> {
  const found: Record<string, T> = {};
  for (const [index, raw] of (Array.isArray(value) ? value : []).entries()) {
    const each = isObject(raw) ? read(raw, index) : undefined;
    if (each) found[each.id] = each;
  }
  return found;
}

function without(value: JsonObject, known: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !known.has(key)));
}

function clean(value: Record<string, unknown>): JsonObject {
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined && !(isObject(each) && !Object.keys(each).length)),
  ) as JsonObject;
}

function some(list: readonly unknown[]): readonly unknown[] | undefined {
  return list.length ? list : undefined;
}
