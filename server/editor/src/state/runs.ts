/** What runs: per job its nodes' states, and for each tab the job that it shows. */

import { create } from "zustand";
import { subscribeWithSelector } from "zustand/middleware";
import { call } from "../api/client";
import type { Message } from "../api/socket";
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

export interface Run {
  readonly job: string;
  readonly tab: string;
  readonly title: string;
  readonly state: "pending" | "running" | "completed" | "failed" | "cancelled";
  readonly submitted: number;
  readonly began?: number;
  readonly ended?: number;
  /** Nodes that are to run, and seconds that they should take, by the plan. */
  readonly planned: Readonly<Record<string, number>>;
  readonly nodes: Readonly<Record<string, NodeRun>>;
  readonly error?: string;
}

interface RunsState {
  readonly connected: boolean;
  readonly everConnected: boolean;
  readonly remaining: number;
  readonly runs: Readonly<Record<string, Run>>;
  /** The run whose states a tab's nodes show: its latest. */
  readonly shown: Readonly<Record<string, string>>;
  begin(run: Pick<Run, "job" | "tab" | "title" | "planned">): void;
  hear(message: Message): void;
  forget(tab: string): void;
}

const MOST_RUNS = 200;

export const useRuns = create<RunsState>()(
  subscribeWithSelector((set, get) => {
    const change = (job: string, fn: (run: Run) => Run) =>
      set((state) => {
        const run = state.runs[job];
        return run ? { runs: { ...state.runs, [job]: fn(run) } } : {};
      });
    const node = (job: string, id: string, fn: (node: NodeRun | undefined) => NodeRun) =>
      change(job, (run) => ({ ...run, nodes: { ...run.nodes, [id]: fn(run.nodes[id]) } }));

    const events: Record<string, (data: JsonObject) => void> = {
      status(data) {
        const status = isObject(data["status"]) ? data["status"] : {};
        const info = isObject(status["exec_info"]) ? status["exec_info"] : {};
        set({ remaining: Number(info["queue_remaining"] ?? 0) });
      },
      execution_start: (data) =>
        change(job(data), (run) => ({ ...run, state: "running", began: run.began ?? Date.now() })),
      execution_cached(data) {
        for (const id of texts(data["nodes"])) node(job(data), id, (before) => ({ value: 1, max: 1, ...before, state: "cached" }));
      },
      progress_state(data) {
        for (const [id, raw] of Object.entries(isObject(data["nodes"]) ? data["nodes"] : {}))
          if (isObject(raw)) node(job(data), String(raw["display_node_id"] ?? id), (before) => progressed(before, raw));
      },
      executed(data) {
        node(job(data), String(data["display_node"] ?? data["node"]), (before) => ({
          state: "done",
          value: 1,
          max: 1,
          ...before,
          ...shownOf(data["output"]),
        }));
      },
      execution_success: (data) => end(job(data), "completed"),
      execution_interrupted: (data) => end(job(data), "cancelled"),
      execution_error(data) {
        const message = String(data["exception_message"] ?? "failed");
        const id = String(data["node_id"] ?? "").split(":")[0]!;
        if (id) node(job(data), id, (before) => ({ value: 0, max: 1, ...before, state: "error", error: message }));
        end(job(data), "failed", message);
      },
    };

    function end(id: string, state: Run["state"], error?: string): void {
      const ended = Date.now();
      change(id, (run) => {
        const nodes = { ...run.nodes };
        for (const [name, each] of Object.entries(nodes)) {
          if (each.preview) URL.revokeObjectURL(each.preview);
          const { preview: _, ...rest } = each;
          nodes[name] = each.state === "running" ? { ...rest, state: state === "completed" ? "done" : "error" } : rest;
        }
        return { ...run, state, ended, nodes, ...(error !== undefined && { error }) };
      });
    }

    return {
      connected: false,
      everConnected: false,
      remaining: 0,
      runs: {},
      shown: {},
      begin(run) {
        set((state) => {
          const entry: Run = { ...run, state: "pending", submitted: Date.now(), nodes: {}, ...state.runs[run.job] };
          const ids = Object.keys(state.runs);
          const old = new Set(ids.slice(0, Math.max(0, ids.length - MOST_RUNS)));
          const runs = Object.fromEntries(Object.entries(state.runs).filter(([id]) => !old.has(id)));
          return { runs: { ...runs, [run.job]: entry }, shown: { ...state.shown, [run.tab]: run.job } };
        });
      },
      hear(message) {
        switch (message.type) {
          case "open":
            set({ connected: true, everConnected: true });
            void catchUp(get, end);
            break;
          case "closed":
            set({ connected: false });
            break;
          case "preview": {
            const preview = URL.createObjectURL(message.image);
            const before = get().runs[message.job]?.nodes[message.node]?.preview;
            if (get().runs[message.job]?.state !== "running") URL.revokeObjectURL(preview);
            else node(message.job, message.node, (each) => ({ state: "running", value: 0, max: 1, ...each, preview }));
            if (before) setTimeout(() => URL.revokeObjectURL(before), 500);
            break;
          }
          case "event":
            events[message.kind]?.(message.data);
        }
      },
      forget: (tab) => set((state) => ({ shown: Object.fromEntries(Object.entries(state.shown).filter(([id]) => id !== tab)) })),
    };
  }),
);

/** After a break: jobs that were under way may have ended meanwhile. */
async function catchUp(get: () => RunsState, end: (job: string, state: Run["state"], error?: string) => void): Promise<void> {
  for (const run of Object.values(get().runs)) {
    if (run.state !== "pending" && run.state !== "running") continue;
    try {
      const job = await call("GET", `v1/jobs/${encodeURIComponent(run.job)}`);
      const state = isObject(job) ? job["state"] : undefined;
      if (state === "completed" || state === "failed" || state === "cancelled") end(run.job, state);
      else if (state === "quarantined") end(run.job, "failed", "The server set this job aside.");
    } catch {
      continue; // gone again: the next time
    }
  }
}

function progressed(before: NodeRun | undefined, raw: JsonObject): NodeRun {
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
      return { ...before, state: "running", value, max, began: before?.began ?? now };
  }
}

function shownOf(output: Json | undefined): Partial<NodeRun> {
  if (!isObject(output)) return {};
  const images = ["images", "gifs"].flatMap((kind) => files(output[kind]));
  const words = texts(output["text"]);
  return { ...(images.length && { images }), ...(words.length && { texts: words }) };
}

function files(value: Json | undefined): ShownFile[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each) =>
    isObject(each) && typeof each["filename"] === "string"
      ? [{ filename: each["filename"], subfolder: String(each["subfolder"] ?? ""), type: String(each["type"] ?? "output") }]
      : [],
  );
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function job(data: JsonObject): string {
  return String(data["prompt_id"] ?? "");
}

/** The run that a tab shows, and through it a node's state. */
export function useNodeRun(tab: string, node: string): NodeRun | undefined {
  return useRuns((state) => {
    const shown = state.shown[tab];
    return shown === undefined ? undefined : state.runs[shown]?.nodes[node];
  });
}

/** How far a run is, 0 to 1, weighted by the seconds that its plan expects. */
export function fractionOf(run: Run): number {
  const planned = Object.entries(run.planned);
  if (!planned.length) return run.state === "completed" ? 1 : 0;
  let whole = 0;
  let done = 0;
  for (const [id, seconds] of planned) {
    const weight = Math.max(seconds, 0.01);
    const node = run.nodes[id];
    whole += weight;
    if (!node) continue;
    done += node.state === "done" || node.state === "cached" ? weight : node.max > 0 ? (weight * node.value) / node.max : 0;
  }
  return Math.min(1, done / whole);
}
