/** Where the time of a run went: its timeline, node by node. */

import { isObject, type Json } from "../json";

export interface Span {
  /** `compute` is the whole call of a node; `load`, `encode` and the like lie within it, `wait` before it. */
  readonly kind: string;
  /** Seconds from the start of the run. */
  readonly start: number;
  readonly seconds: number;
  readonly note?: string;
}

export interface Row {
  readonly node: string;
  readonly classType: string;
  readonly state: "ran" | "cached" | "failed";
  readonly why: string;
  readonly start: number;
  readonly seconds: number;
  readonly spans: readonly Span[];
  /** What its values take in memory, where the server says. */
  readonly bytes?: number;
  /** Whether another run, at the same time, computed it. */
  readonly reused?: boolean;
}

export interface Timeline {
  readonly rows: readonly Row[];
  readonly seconds: number;
}

/** Reads Chrome's trace events, as the server writes them: one row for each node, in the order in which they began. */
export function readTimeline(trace: Json): Timeline {
  const rows = new Map<string, Row>();
  let end = 0;
  for (const event of isObject(trace) && Array.isArray(trace["traceEvents"]) ? trace["traceEvents"] : []) {
    if (!isObject(event) || !isObject(event["args"])) continue;
    const node = String(event["args"]["node"]);
    const kind = String(event["cat"]);
    const note = event["args"]["note"];
    const span = {
      kind,
      start: Number(event["ts"]) / 1e6,
      seconds: Number(event["dur"]) / 1e6,
      ...(typeof note === "string" && note && { note }),
    };
    end = Math.max(end, span.start + span.seconds);
    const before = rows.get(node);
    const whole = kind === "compute" || kind === "failed";
    const bytes = event["args"]["bytes"];
    const started = Math.min(before?.start ?? span.start, span.start);
    rows.set(node, {
      node,
      classType: String(event["name"]).split(": ")[0]!,
      state: kind === "failed" ? "failed" : (before?.state ?? "ran"),
      why: String(event["args"]["why"] ?? "") || (before?.why ?? ""),
      start: started,
      seconds: whole ? span.seconds : (before?.seconds ?? span.seconds),
      spans: [...(before?.spans ?? []), span],
      ...(typeof bytes === "number" ? { bytes } : before?.bytes !== undefined && { bytes: before.bytes }),
      ...((event["args"]["reused"] === true || before?.reused) && { reused: true }),
    });
  }
  const found = [...rows.values()].sort((a, b) => a.start - b.start);
  const other = isObject(trace) && isObject(trace["otherData"]) ? trace["otherData"] : {};
  for (const node of Array.isArray(other["cached"]) ? other["cached"] : [])
    if (!rows.has(String(node)))
      found.push({ node: String(node), classType: "", state: "cached", why: "", start: 0, seconds: 0, spans: [] });
  return { rows: found, seconds: end };
}

/** Shorter waits than this are nobody's concern. */
const WORTH_TELLING = 0.005;

/** With a span `wait` for each node that had its inputs before it began. `graph` is the plain one that the job ran. */
export function withWaits(timeline: Timeline, graph: Json): Timeline {
  const ends = new Map(timeline.rows.map((row) => [row.node, row.state === "cached" ? 0 : row.start + row.seconds]));
  const inputsOf = (node: string): readonly Json[] => {
    const found = isObject(graph) ? graph[node] : undefined;
    return isObject(found) && isObject(found["inputs"]) ? Object.values(found["inputs"]) : [];
  };
  const rows = timeline.rows.map((row): Row => {
    if (row.state === "cached") return row;
    const ready = Math.max(0, ...inputsOf(row.node).map((value) => (Array.isArray(value) ? (ends.get(String(value[0])) ?? 0) : 0)));
    const waited = row.start - ready;
    return waited < WORTH_TELLING ? row : { ...row, spans: [{ kind: "wait", start: ready, seconds: waited }, ...row.spans] };
  });
  return { ...timeline, rows };
}

export function slowest(timeline: Timeline, most = 8): readonly Row[] {
  return timeline.rows.filter((row) => row.state !== "cached").sort((a, b) => b.seconds - a.seconds).slice(0, most);
}

/** How much of the slowest node's time each took, 0 to 1. */
export function heatOf(nodes: Readonly<Record<string, { readonly state: string; readonly seconds?: number }>>): Readonly<Record<string, number>> {
  const took = Object.entries(nodes).flatMap(([id, node]) => (node.state !== "cached" && node.seconds !== undefined ? [[id, node.seconds] as const] : []));
  return sharesOfMost(Object.fromEntries(took));
}

/** Figures as shares of the largest, 0 to 1. */
export function sharesOfMost(figures: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const most = Math.max(0, ...Object.values(figures));
  return Object.fromEntries(Object.entries(figures).map(([id, figure]) => [id, most ? figure / most : 0]));
}
