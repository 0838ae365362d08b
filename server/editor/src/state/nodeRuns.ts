/** How a node of a run stands, and how messages change that. */

import { isObject, type Json, type JsonObject } from "../json";

export interface ShownFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

export interface NodeRun {
  readonly state: "running" | "done" | "cached" | "error";
  readonly value: number;
  readonly max: number;
  /** Milliseconds since the epoch at which it began, and how long it took in the end. */
  readonly began?: number;
  readonly seconds?: number;
  readonly preview?: string;
  readonly images?: readonly ShownFile[];
  readonly texts?: readonly string[];
  readonly error?: string;
}

/** By id; an instance of a sub-graph sums up its inner nodes, which are `instance:inner`. */
export type NodeRuns = Readonly<Record<string, NodeRun>>;

export function withNode(nodes: NodeRuns, id: string, node: NodeRun): NodeRuns {
  const next = { ...nodes, [id]: node };
  const outer = id.includes(":") ? id.slice(0, id.lastIndexOf(":")) : undefined;
  return outer === undefined ? next : withNode(next, outer, summed(next, outer));
}

/** An instance of a sub-graph as its inner nodes make it up. */
function summed(nodes: NodeRuns, outer: string): NodeRun {
  const inner = Object.entries(nodes).flatMap(([id, node]) =>
    id.startsWith(`${outer}:`) && !id.slice(outer.length + 1).includes(":") ? [node] : [],
  );
  const is = (state: NodeRun["state"]) => inner.filter((node) => node.state === state);
  const images = inner.flatMap((node) => node.images ?? []);
  const error = inner.find((node) => node.error)?.error;
  const preview = inner.find((node) => node.preview)?.preview;
  const running = is("running")[0];
  const seconds = inner.reduce((sum, node) => sum + (node.seconds ?? 0), 0);
  return {
    state: is("error").length ? "error" : running ? "running" : is("cached").length === inner.length ? "cached" : "done",
    value: running?.value ?? 1,
    max: running?.max ?? 1,
    ...(seconds > 0 && { seconds }),
    ...(images.length && { images }),
    ...(error !== undefined && { error }),
    ...(preview !== undefined && { preview }),
  };
}

/** Inner nodes of a sub-graph keep their own ids; what an expansion made is shown on its author. */
export function shownId(id: string, raw: JsonObject): string {
  return String(raw["display_node_id"] ?? id);
}

export function progressed(before: NodeRun | undefined, raw: JsonObject): NodeRun {
  const value = Number(raw["value"] ?? 0);
  const max = Number(raw["max"] ?? 1);
  const now = Date.now();
  switch (raw["state"]) {
    case "finished": {
      if (before?.state === "done") return before;
      const seconds = before?.began === undefined ? undefined : (now - before.began) / 1000;
      return { ...before, state: "done", value, max, ...(seconds !== undefined && { seconds }) };
    }
    case "error":
      return { ...before, state: "error", value, max };
    default:
      return { ...before, state: "running", value, max, began: before?.state === "running" ? (before.began ?? now) : now };
  }
}

export function shownOf(output: Json | undefined): Partial<NodeRun> {
  if (!isObject(output)) return {};
  const images = ["images", "gifs"].flatMap((kind) => filesOf(output[kind]));
  const words = texts(output["text"]);
  return { ...(images.length && { images }), ...(words.length && { texts: words }) };
}

export function filesOf(value: Json | undefined): ShownFile[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each) =>
    isObject(each) && typeof each["filename"] === "string"
      ? [{ filename: each["filename"], subfolder: String(each["subfolder"] ?? ""), type: String(each["type"] ?? "output") }]
      : [],
  );
}

export function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
