/** Where the time of a run went: its timeline, node by node. */

import { isObject, type Json } from "../json";

export interface Span {
  /** `compute` is the whole call of a node; `load`, `encode` and the like lie within it, `wait` before it. */
  readonly kind: string;
  /** Seconds from the start of the run. */
  readonly start: number;
  readonly seconds: number;
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
    const span = { kind, start: Number(event["ts"]) / 1e6, seconds: Number(event["dur"]) / 1e6 };
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
    });
  }
  const found = [...rows.values()].sort((a, b) => a.start - b.start);
  const other = isObject(trace) && isObject(trace["otherData"]) ? trace["otherData"] : {};
  for (const node of Array.isArray(other["cached"]) ? other["cached"] : [])
    if (!rows.has(String(node)))
      found.push({ node: String(node), classType: "", state: "cached", why: "", start: 0, seconds: 0, spans: [] });
  return { rows: found, seconds: end };
}

export function slowest(timeline: Timeline, most = 8): readonly Row[] {
  return timeline.rows.filter((row) => row.state !== "cached").sort((a, b) => b.seconds - a.seconds).slice(0, most);
}

/** How much of the slowest node's time each took, 0 to 1; an instance of a sub-graph has that of its inner nodes. */
export function heatOf(timeline: Timeline): Readonly<Record<string, number>> {
  const seconds: Record<string, number> = {};
  for (const row of timeline.rows) {
    if (row.state === "cached") continue;
    const parts = row.node.split(":");
    for (let length = 1; length <= parts.length; length++) {
      const id = parts.slice(0, length).join(":");
      seconds[id] = (seconds[id] ?? 0) + row.seconds;
    }
  }
  const most = Math.max(0, ...Object.values(seconds));
  return Object.fromEntries(Object.entries(seconds).map(([id, each]) => [id, most ? each / most : 0]));
}
