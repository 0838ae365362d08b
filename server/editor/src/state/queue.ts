/** The line of the server's jobs, everybody's, kept up to date by its events. */

import { create } from "zustand";
import { ApiError, call } from "../api/client";
import { follow, type Following } from "../api/jobEvents";
import { isObject, type Json, type JsonObject } from "../json";
import { pacesOf, secondsLeft } from "./headway";
import { type Run } from "./runs";
import { useUi } from "./ui";

export interface Job {
  readonly id: string;
  readonly state: "pending" | "running" | "completed" | "failed" | "cancelled" | "quarantined";
  readonly client: string;
  readonly workflow: string;
  readonly priority: number;
  readonly attempts: number;
  readonly created: number;
  readonly started?: number;
  readonly ended?: number;
  readonly failure?: string;
  readonly failedNode?: string;
}

interface QueueState {
  readonly paused: boolean;
  readonly running: readonly Job[];
  readonly pending: readonly Job[];
  readonly pendingCount: number;
  /** What failed or was set aside lately. */
  readonly failed: readonly Job[];
  /** How far jobs are that other clients submitted, 0 to 1. */
  readonly progress: Readonly<Record<string, number>>;
  /** Seconds that jobs of a workflow took lately. */
  readonly durations: Readonly<Record<string, number>>;
  refresh(): Promise<void>;
  move(id: string, to: number): Promise<void>;
  cancel(id: string): Promise<void>;
  retry(id: string): Promise<void>;
  dismiss(id: string): Promise<void>;
  pause(paused: boolean): Promise<void>;
}

const MOST_PENDING = 300;
const MOST_FAILED = 30;
const AFTER = 150;

/** Called with each job that ends, with what came of it. */
const ends = new Set<(job: JsonObject) => void>();

export function onEnded(fn: (job: JsonObject) => void): void {
  ends.add(fn);
}

export const useQueue = create<QueueState>()((set, get) => {
  const doing = async (what: Promise<unknown>): Promise<void> => {
    try {
      await what;
    } catch (error) {
      useUi.getState().toast(error instanceof ApiError ? `${error.message}${error.hint ? ` (${error.hint})` : ""}` : String(error), "error");
    }
    await get().refresh();
  };
  const path = (id: string) => `v1/jobs/${encodeURIComponent(id)}`;
  return {
    paused: false,
    running: [],
    pending: [],
    pendingCount: 0,
    failed: [],
    progress: {},
    durations: {},
    async refresh() {
      try {
        const [line, failed] = await Promise.all([
          call("GET", `v1/queue?limit=${MOST_PENDING}`),
          call("GET", `v1/jobs?state=failed&state=quarantined&limit=${MOST_FAILED}`),
        ]);
        if (isObject(line))
          set({
            paused: line["paused"] === true,
            running: readJobs(line["running"]),
            pending: readJobs(line["pending"]),
            pendingCount: Number(line["pending_count"] ?? 0),
          });
        if (isObject(failed)) set({ failed: readJobs(failed["jobs"]) });
      } catch {
        return; // the next event asks again
      }
      followOthers(get().running);
    },
    async move(id, to) {
      const { pending } = get();
      const order = moved(pending, id, to);
      if (order === pending) return;
      const body = placeOf(order, id);
      set({ pending: order });
      await doing(call("POST", `${path(id)}/move`, body));
    },
    cancel: (id) => doing(call("POST", `${path(id)}/cancel`)),
    retry: (id) => doing(call("POST", `${path(id)}/retry`)),
    dismiss: (id) => doing(call("DELETE", path(id))),
    pause: (paused) => doing(call("POST", `v1/queue/${paused ? "pause" : "resume"}`)),
  };
});

/**
 * Follows the states of all jobs, from now on, while the page is seen: a browser has few connections to a server, and
 * pages in the background would use them up. What they miss meanwhile is told when they come back; `lost` is called
 * when that is too much.
 */
export function watchQueue(lost: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void useQueue.getState().refresh();
    }, AFTER);
  };
  let last = "";
  let stream: Following | undefined;
  const changed = (_event: JsonObject, number: string) => {
    last = number || last;
    soon();
  };
  const look = () => {
    if (document.visibilityState === "hidden") {
      stream?.close();
      stream = undefined;
      return;
    }
    stream ??= follow(
      last ? `v1/events?after=${last}` : "v1/events",
      {
        queued: changed,
        started: changed,
        gap(event, number) {
          changed(event, number);
          lost();
        },
        ended(event, number) {
          changed(event, number);
          if (isObject(event["job"])) {
            remember(event["job"]);
            for (const fn of ends) fn(event["job"]);
          }
        },
      },
      soon,
    );
  };
  document.addEventListener("visibilitychange", look);
  look();
}

/** How long jobs of this workflow take: the latest counts most. */
function remember(raw: JsonObject): void {
  const job = readJob(raw);
  if (job.state !== "completed" || job.started === undefined || job.ended === undefined) return;
  const took = (job.ended - job.started) / 1000;
  useQueue.setState(({ durations }) => {
    const before = durations[job.workflow];
    return { durations: { ...durations, [job.workflow]: before === undefined ? took : before * 0.4 + took * 0.6 } };
  });
}

// Jobs of other clients: the socket does not tell of them, their streams do.

const MOST_FOLLOWED = 2;
const followed = new Map<string, Following>();
let isMine: (job: string) => boolean = () => false;

/** Says which jobs are told of anyway. */
export function ownJobs(fn: (job: string) => boolean): void {
  isMine = fn;
}

function followOthers(running: readonly Job[]): void {
  const wanted = new Set(running.filter((job) => !isMine(job.id)).slice(0, MOST_FOLLOWED).map((job) => job.id));
  for (const [id, stream] of followed)
    if (!wanted.has(id)) {
      stream.close();
      followed.delete(id);
    }
  for (const id of wanted)
    if (!followed.has(id))
      followed.set(
        id,
        follow(`v1/jobs/${encodeURIComponent(id)}/events`, {
          progress: (event) => useQueue.setState(({ progress }) => ({ progress: { ...progress, [id]: Number(event["fraction"] ?? 0) } })),
          ended() {
            followed.get(id)?.close();
            followed.delete(id);
          },
        }),
      );
}

// Order.

/** The line with a job at another place; the same line when that changes nothing. */
export function moved(pending: readonly Job[], id: string, to: number): readonly Job[] {
  const from = pending.findIndex((job) => job.id === id);
  const place = Math.min(Math.max(to, 0), pending.length - 1);
  if (from < 0 || from === place) return pending;
  const order = [...pending];
  order.splice(place, 0, ...order.splice(from, 1));
  return order;
}

/** How to ask the server for the place that a job has in an order. */
export function placeOf(order: readonly Job[], id: string): JsonObject {
  const at = order.findIndex((job) => job.id === id);
  const next = order[at + 1];
  if (next) return { before: next.id };
  return { to: "back" };
}

/** About how many seconds until each pending job begins, and how long it takes; undefined where nothing is known. */
export function forecast(
  { running, pending, durations, progress }: Pick<QueueState, "running" | "pending" | "durations" | "progress">,
  runs: Readonly<Record<string, Run>>,
  now: number,
): Readonly<Record<string, { readonly begins: number | undefined; readonly takes: number | undefined }>> {
  const found: Record<string, { begins: number | undefined; takes: number | undefined }> = {};
  const paces = pacesOf(Object.values(runs), now);
  let wait: number | undefined = 0;
  for (const job of running) {
    const left = leftOf(job, runs[job.id], durations[job.workflow], progress[job.id], now);
    found[job.id] = { begins: 0, takes: left };
    wait = wait === undefined || left === undefined ? undefined : wait + left;
  }
  for (const job of pending) {
    const run = runs[job.id];
    const takes = (run && secondsLeft(run, now, paces[run.workflow])) || durations[job.workflow];
    found[job.id] = { begins: wait, takes };
    wait = wait === undefined || takes === undefined ? undefined : wait + takes;
  }
  return found;
}

function leftOf(job: Job, run: Run | undefined, usual: number | undefined, share: number | undefined, now: number): number | undefined {
  if (run && Object.keys(run.planned).length) return secondsLeft(run, now);
  const elapsed = job.started === undefined ? 0 : (now - job.started) / 1000;
  if (share !== undefined && share > 0.05) return (elapsed / share) * (1 - share);
  return usual === undefined ? undefined : Math.max(0, usual - elapsed);
}

// Reading.

function readJobs(value: Json | undefined): Job[] {
  return (Array.isArray(value) ? value : []).flatMap((each) => (isObject(each) ? [readJob(each)] : []));
}

export function readJob(raw: JsonObject): Job {
  const failure = isObject(raw["failure"]) ? raw["failure"] : undefined;
  const started = moment(raw["started"]);
  const ended = moment(raw["ended"]);
  return {
    id: String(raw["id"]),
    state: raw["state"] as Job["state"],
    client: String(raw["client_id"] ?? ""),
    workflow: String(raw["workflow"] ?? ""),
    priority: Number(raw["priority"] ?? 0),
    attempts: Number(raw["attempts"] ?? 0),
    created: moment(raw["created"]) ?? 0,
    ...(started !== undefined && { started }),
    ...(ended !== undefined && { ended }),
    ...(failure && { failure: String(failure["message"] ?? ""), failedNode: String(failure["node"] ?? "") }),
  };
}

function moment(value: Json | undefined): number | undefined {
  return typeof value === "string" ? Date.parse(value) : undefined;
}
