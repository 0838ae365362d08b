/** What runs: per job its nodes' states, and for each tab the job that it shows. */

import { create } from "zustand";
import { subscribeWithSelector } from "zustand/middleware";
import { ApiError, call } from "../api/client";
import { follow, type Following } from "../api/jobEvents";
import type { Message } from "../api/socket";
import { isObject, parseJson, toJson, type Json, type JsonObject } from "../json";
import type { Graph } from "../graph/model";
import { CLIENT_ID } from "./client";
import { useLog } from "./log";
import { useTab, type Tab } from "./editor";
import { progressed, shownId, shownOf, texts, withNode, type NodeRun, type NodeRuns } from "./nodeRuns";
import { readTimeline, type Timeline } from "./profile";

export { filesOf, type NodeRun, type ShownFile } from "./nodeRuns";

export type RunState = "pending" | "running" | "completed" | "failed" | "cancelled";

export interface Run {
  readonly job: string;
  readonly tab: string;
  readonly title: string;
  /** The id of the workflow that it runs. */
  readonly workflow: string;
  /** The client that the socket tells of it. */
  readonly client: string;
  readonly state: RunState;
  readonly submitted: number;
  readonly began?: number;
  readonly ended?: number;
  /** Nodes that are to run, and seconds that they should take, by the plan. */
  readonly planned: Readonly<Record<string, number>>;
  /** How far the server says it is, for a run whose plan is not known here. */
  readonly share?: number;
  readonly nodes: NodeRuns;
  readonly error?: string;
}

interface RunsState {
  readonly connected: boolean;
  readonly everConnected: boolean;
  readonly remaining: number;
  readonly runs: Readonly<Record<string, Run>>;
  /** The run whose states a tab's nodes show: the latest that began. */
  readonly shown: Readonly<Record<string, string>>;
  begin(run: Pick<Run, "job" | "tab" | "title" | "workflow" | "planned" | "client">): void;
  hear(message: Message): void;
  /** Take a job as the server tells it: what it came to, when it has ended. */
  take(details: JsonObject, timeline?: Timeline): void;
  show(tab: string, job: string): void;
  forget(tab: string): void;
}

const MOST_RUNS = 400;

/** Where runs are kept over a reload, how many, and how much of a text. */
const KEY = "safelight.runs";
const KEPT = 60;
const LONGEST_TEXT = 2000;

export const useRuns = create<RunsState>()(
  subscribeWithSelector((set, get) => {
    const change = (job: string, fn: (run: Run) => Run) =>
      set((state) => {
        const run = state.runs[job];
        return run ? { runs: { ...state.runs, [job]: fn(run) } } : {};
      });
    const node = (job: string, id: string, fn: (node: NodeRun | undefined) => NodeRun) =>
      change(job, (run) => ({ ...run, nodes: withNode(run.nodes, id, fn(run.nodes[id])) }));

    const events: Record<string, (data: JsonObject) => void> = {
      status(data) {
        const status = isObject(data["status"]) ? data["status"] : {};
        const info = isObject(status["exec_info"]) ? status["exec_info"] : {};
        set({ remaining: Number(info["queue_remaining"] ?? 0) });
      },
      logs: (data) => useLog.getState().add(data["entries"]),
      execution_start(data) {
        const id = jobOf(data);
        const run = get().runs[id];
        if (!run) return;
        change(id, (each) => ({ ...each, state: "running", began: each.began ?? Date.now() }));
        set((state) => ({ shown: { ...state.shown, [run.tab]: id } }));
      },
      execution_cached(data) {
        for (const id of texts(data["nodes"])) node(jobOf(data), id, (before) => ({ value: 1, max: 1, ...before, state: "cached" }));
      },
      progress_state(data) {
        for (const [id, raw] of Object.entries(isObject(data["nodes"]) ? data["nodes"] : {}))
          if (isObject(raw)) node(jobOf(data), shownId(id, raw), (before) => progressed(before, raw));
      },
      share: (data) => change(jobOf(data), (run) => ({ ...run, share: Number(data["value"]) })),
      executed(data) {
        node(jobOf(data), String(data["display_node"] ?? data["node"]), (before) => ({
          state: "done",
          value: 1,
          max: 1,
          ...before,
          ...shownOf(data["output"]),
        }));
      },
      execution_success: (data) => end(jobOf(data), "completed"),
      execution_interrupted: (data) => end(jobOf(data), "cancelled"),
      execution_error(data) {
        const message = String(data["exception_message"] ?? "failed");
        const id = String(data["node_id"] ?? "");
        if (id) node(jobOf(data), id, (before) => ({ value: 0, max: 1, ...before, state: "error", error: message }));
        end(jobOf(data), "failed", message);
      },
    };

    function end(id: string, state: RunState, error?: string): void {
      const run = get().runs[id];
      if (!run) return;
      change(id, (each) => ({
        ...each,
        state,
        ended: each.ended ?? Date.now(),
        nodes: settled(each.nodes, state),
        ...(error !== undefined && { error }),
      }));
      if (get().shown[run.tab] === id) void lookBack(id);
    }

    return {
      connected: false,
      everConnected: false,
      remaining: 0,
      ...restored(),
      begin(run) {
        set((state) => {
          const entry: Run = { ...run, state: "pending", submitted: Date.now(), nodes: {}, ...state.runs[run.job] };
          const ids = Object.keys(state.runs);
          const old = new Set(ids.slice(0, Math.max(0, ids.length - MOST_RUNS)));
          const runs = Object.fromEntries(Object.entries(state.runs).filter(([id]) => !old.has(id)));
          const before = state.runs[state.shown[run.tab] ?? ""];
          const shown = before && isOpen(before) ? state.shown : { ...state.shown, [run.tab]: run.job };
          return { runs: { ...runs, [run.job]: entry }, shown };
        });
        for (const message of early.get(run.job) ?? []) get().hear(message);
        early.delete(run.job);
      },
      hear(message) {
        switch (message.type) {
          case "open":
            set({ connected: true, everConnected: true });
            void catchUp(get().runs);
            useLog.getState().reconnected();
            break;
          case "closed":
            set({ connected: false });
            break;
          case "preview":
            takePreview(message.job, message.node, message.image);
            break;
          case "event":
            if (message.data["prompt_id"] !== undefined && !get().runs[jobOf(message.data)]) keepForLater(jobOf(message.data), message);
            else events[message.kind]?.(message.data);
        }
      },
      take(details, timeline) {
        const id = String(details["id"]);
        const run = get().runs[id];
        change(id, (each) => taken(each, details, timeline));
        if (run && stateOf(details["state"]) === "running") set((state) => ({ shown: { ...state.shown, [run.tab]: id } }));
      },
      show: (tab, job) => set((state) => ({ shown: { ...state.shown, [tab]: job } })),
      forget: (tab) => set((state) => ({ shown: Object.fromEntries(Object.entries(state.shown).filter(([id]) => id !== tab)) })),
    };

    function takePreview(job: string, id: string, image: Blob): void {
      if (get().runs[job]?.state !== "running") return;
      const before = get().runs[job]?.nodes[id]?.preview;
      const preview = URL.createObjectURL(image);
      node(job, id, (each) => ({ state: "running", value: 0, max: 1, ...each, preview }));
      if (before) setTimeout(() => URL.revokeObjectURL(before), 500);
    }
  }),
);

/** Whether it still waits or runs. */
export function isOpen(run: Run): boolean {
  return run.state === "pending" || run.state === "running";
}

// A job may begin before the answer to its submission is read.

const MOST_EARLY = 40;
const early = new Map<string, Message[]>();

function keepForLater(job: string, message: Message): void {
  const before = early.get(job);
  if (before) before.push(message);
  else early.set(job, [message]);
  if (early.size > MOST_EARLY || (before?.length ?? 0) > 500) early.delete(early.keys().next().value!);
}

// What the server knows better: after a break, and after the end.

const following = new Map<string, Following>();

/** After a break: jobs that were under way may have ended meanwhile, or begun anew. */
export async function catchUp(runs: Readonly<Record<string, Run>>): Promise<void> {
  for (const run of Object.values(runs)) {
    if (!isOpen(run)) continue;
    try {
      const job = await call("GET", `v1/jobs/${encodeURIComponent(run.job)}`);
      if (!isObject(job)) continue;
      useRuns.getState().take(job, await timelineOf(run.job, job["state"]));
      const now = useRuns.getState().runs[run.job];
      if (now && isOpen(now)) listenTo(now);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404)
        useRuns.getState().take({ id: run.job, state: "cancelled" });
    }
  }
}

/** A job that another page or program submitted is not told of on our socket; its stream tells. */
export function listenTo(run: Run): void {
  if (run.client === CLIENT_ID || following.has(run.job)) return;
  const { hear, take } = useRuns.getState();
  const say = (kind: string, data: JsonObject) => hear({ type: "event", kind, data: { ...data, prompt_id: run.job } });
  const state = (event: JsonObject, name: string, value: unknown, max: unknown) =>
    say("progress_state", { nodes: { [String(event["node"])]: { state: name, value: Number(value), max: Number(max) } } });
  const close = () => {
    following.get(run.job)?.close();
    following.delete(run.job);
  };
  following.set(
    run.job,
    follow(`v1/jobs/${encodeURIComponent(run.job)}/events`, {
      started: () => say("execution_start", {}),
      cached: (event) => say("execution_cached", { nodes: event["nodes"] ?? [] }),
      node_started: (event) => state(event, "running", 0, 1),
      progress(event) {
        state(event, "running", event["done"], event["total"]);
        say("share", { value: event["fraction"] ?? 0 });
      },
      node_finished: (event) => state(event, "finished", 1, 1),
      node_shown: (event) => say("executed", { node: event["node"] ?? "", output: event["shown"] ?? {} }),
      node_failed: (event) => state(event, "error", 0, 1),
      ended(event) {
        if (isObject(event["job"])) take(event["job"]);
        close();
        void lookBack(run.job);
      },
      gap(event) {
        if (isObject(event["job"])) take(event["job"]);
      },
    }),
  );
}

/** Once a run has ended: the times that the server took, every failure, all that was shown. */
export async function lookBack(job: string): Promise<void> {
  try {
    const details = await call("GET", `v1/jobs/${encodeURIComponent(job)}`);
    if (isObject(details)) useRuns.getState().take(details, await timelineOf(job, details["state"]));
  } catch {
    return; // what the socket told is enough
  }
}

async function timelineOf(job: string, state: unknown): Promise<Timeline | undefined> {
  if (state !== "completed" && state !== "failed") return undefined;
  try {
    return readTimeline(await call("GET", `v1/jobs/${encodeURIComponent(job)}/timeline`));
  } catch {
    return undefined;
  }
}

/** A run with what the server tells of its job. */
export function taken(run: Run, details: JsonObject, timeline?: Timeline): Run {
  const state = stateOf(details["state"]);
  const { ended: _ended, began: before, ...open } = run;
  if (state === "pending") return { ...open, state, nodes: {} };
  const began = moment(details["started"]) ?? before;
  if (state === "running") return { ...open, state, ...(began !== undefined && { began }) };
  let nodes = settled(run.nodes, state);
  const set = (id: string, fn: (node: NodeRun | undefined) => NodeRun) => {
    nodes = withNode(nodes, id, fn(nodes[id]));
  };
  for (const row of timeline?.rows ?? [])
    if (row.state !== "cached") set(row.node, (before) => ({ value: 1, max: 1, ...before, state: row.state === "failed" ? "error" : "done", seconds: row.seconds }));
  for (const id of texts(details["cached"])) set(id, (before) => ({ value: 1, max: 1, ...before, state: "cached" }));
  for (const [id, shown] of Object.entries(isObject(details["outputs"]) ? details["outputs"] : {}))
    set(id, (before) => ({ state: "done", value: 1, max: 1, ...before, ...shownOf(shown) }));
  const failures = Array.isArray(details["failures"]) ? details["failures"] : [];
  for (const failure of failures)
    if (isObject(failure) && failure["node"])
      set(String(failure["node"]), (before) => ({ value: 0, max: 1, ...before, state: "error", error: String(failure["message"]) }));
  const failure = isObject(details["failure"]) ? String(details["failure"]["message"]) : undefined;
  const ended = moment(details["ended"]) ?? run.ended ?? Date.now();
  return {
    ...run,
    state,
    nodes,
    ended,
    ...(began !== undefined && { began }),
    ...(failure !== undefined && { error: failure }),
  };
}

function stateOf(state: unknown): RunState {
  if (state === "quarantined") return "failed";
  return state === "pending" || state === "running" || state === "completed" || state === "failed" ? state : "cancelled";
}

function moment(value: Json | undefined): number | undefined {
  return typeof value === "string" ? Date.parse(value) : undefined;
}

/** The nodes of a run that is over: none runs any more, and previews are let go. */
function settled(nodes: NodeRuns, state: RunState): NodeRuns {
  return Object.fromEntries(
    Object.entries(nodes).flatMap(([name, each]) => {
      if (each.preview) URL.revokeObjectURL(each.preview);
      const { preview: _, ...rest } = each;
      if (rest.state !== "running") return [[name, rest]];
      // What was on its way when a run was stopped is neither done nor wrong.
      return state === "completed" ? [[name, { ...rest, state: "done" as const }]] : state === "failed" ? [[name, { ...rest, state: "error" as const }]] : [];
    }),
  );
}

function jobOf(data: JsonObject): string {
  return String(data["prompt_id"] ?? "");
}

/** The run that a tab shows, and through it a node's state. */
export function useNodeRun(tab: string, node: string): NodeRun | undefined {
  const prefix = useTab(prefixOf);
  return useRuns((state) => {
    const shown = state.shown[tab];
    return shown === undefined ? undefined : state.runs[shown]?.nodes[prefix + node];
  });
}

/** What comes before the ids of the nodes that are looked at: inside a sub-graph, its first instance's id. */
export function prefixOf({ workflow, path }: Pick<Tab, "workflow" | "path">): string {
  let graph: Graph | undefined = workflow.graph;
  let prefix = "";
  for (const id of path) {
    const instance: string | undefined = Object.values(graph?.nodes ?? {}).find((node) => node.classType === `subgraph:${id}`)?.id;
    prefix += `${instance ?? "?"}:`;
    graph = workflow.subgraphs[id]?.graph;
  }
  return prefix;
}

// Kept over a reload.

function restored(): Pick<RunsState, "runs" | "shown"> {
  try {
    const kept = parseJson(localStorage.getItem(KEY) ?? "null");
    if (!isObject(kept) || !isObject(kept["runs"]) || !isObject(kept["shown"])) return { runs: {}, shown: {} };
    return { runs: kept["runs"] as unknown as Record<string, Run>, shown: kept["shown"] as Record<string, string> };
  } catch {
    return { runs: {}, shown: {} };
  }
}

/** What is worth keeping: what tabs show, and what is under way. */
export function kept({ runs, shown }: Pick<RunsState, "runs" | "shown">): Pick<RunsState, "runs" | "shown"> {
  const visible = new Set(Object.values(shown));
  const some = Object.values(runs).filter((run) => isOpen(run) || visible.has(run.job)).slice(-KEPT);
  const slim = (run: Run): Run => ({
    ...run,
    nodes: Object.fromEntries(
      Object.entries(run.nodes).map(([id, { preview: _, ...node }]) => [
        id,
        node.texts ? { ...node, texts: node.texts.map((text) => text.slice(0, LONGEST_TEXT)) } : node,
      ]),
    ),
  });
  return { runs: Object.fromEntries(some.map((run) => [run.job, slim(run)])), shown };
}

/** Keeps what runs, from now on. */
export function keepRuns(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const keep = () => {
    clearTimeout(timer);
    timer = undefined;
    try {
      localStorage.setItem(KEY, toJson(kept(useRuns.getState())));
    } catch {
      localStorage.removeItem(KEY); // the storage is full: workflows go first
    }
  };
  useRuns.subscribe((state) => state.runs, () => {
    timer ??= setTimeout(keep, 500);
  });
  window.addEventListener("pagehide", keep);
}
