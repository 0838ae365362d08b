/** Pictures of jobs that ran, the newest first. */

import { create } from "zustand";
import { ApiError, call } from "../api/client";
import { isObject, type Json, type JsonObject } from "../json";
import { useEditor } from "./editor";
import { filesOf, useRuns, type ShownFile } from "./runs";
import { useUi } from "./ui";

export interface Picture {
  /** Its place among files: a picture that several jobs show is one. */
  readonly key: string;
  readonly job: string;
  readonly node: string;
  readonly file: ShownFile;
  readonly workflow: string;
  /** Milliseconds since the epoch. */
  readonly made: number;
}

interface GalleryState {
  readonly pictures: readonly Picture[];
  /** Jobs that were asked for, so that the next page begins behind them. */
  readonly seen: ReadonlySet<string>;
  readonly state: "idle" | "loading" | "end" | "failed";
  /** Only pictures of this workflow; empty for all. */
  readonly workflow: string;
  /** The picture that is looked at large. */
  readonly open: Picture | undefined;
  /** Up to two pictures to compare. */
  readonly chosen: readonly Picture[];
  readonly comparing: boolean;
  more(): Promise<void>;
  filter(workflow: string): void;
  /** A job has just ended. */
  add(job: JsonObject): void;
  look(picture: Picture | undefined): void;
  choose(picture: Picture): void;
  compare(comparing: boolean): void;
  forget(job: string): Promise<void>;
}

const PAGE = 40;
let question = 0;

export const useGallery = create<GalleryState>()((set, get) => ({
  pictures: [],
  seen: new Set(),
  state: "idle",
  workflow: "",
  open: undefined,
  chosen: [],
  comparing: false,
  async more() {
    const { state, seen, workflow } = get();
    if (state === "loading" || state === "end") return;
    const mine = ++question;
    set({ state: "loading" });
    try {
      const query = new URLSearchParams({ state: "completed", whole: "true", limit: String(PAGE), offset: String(seen.size) });
      if (workflow) query.set("workflow", workflow);
      const page = await call("GET", `v1/jobs?${query}`);
      if (mine !== question) return;
      const jobs = isObject(page) && Array.isArray(page["jobs"]) ? page["jobs"].filter(isObject) : [];
      set((now) => ({
        pictures: merged(now.pictures, jobs.flatMap(picturesOf)),
        seen: new Set([...now.seen, ...jobs.map((job) => String(job["id"]))]),
        state: jobs.length < PAGE ? "end" : "idle",
      }));
    } catch {
      if (mine === question) set({ state: "failed" });
    }
  },
  filter(workflow) {
    question += 1;
    set({ workflow, pictures: [], seen: new Set(), state: "idle" });
    void get().more();
  },
  add(job) {
    const { workflow, seen } = get();
    if (job["state"] !== "completed" || seen.has(String(job["id"])) || (workflow && job["workflow"] !== workflow)) return;
    set((state) => ({ pictures: merged(picturesOf(job), state.pictures), seen: new Set([...state.seen, String(job["id"])]) }));
  },
  look: (open) => set({ open }),
  choose: (picture) =>
    set(({ chosen }) => {
      const others = chosen.filter((each) => each.key !== picture.key);
      return { chosen: others.length < chosen.length ? others : [...chosen.slice(-1), picture] };
    }),
  compare: (comparing) => set({ comparing }),
  async forget(job) {
    try {
      await call("DELETE", `v1/jobs/${encodeURIComponent(job)}`);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) {
        useUi.getState().toast(error instanceof ApiError ? error.message : String(error), "error");
        return;
      }
    }
    set(({ pictures, seen }) => ({
      pictures: pictures.filter((picture) => picture.job !== job),
      seen: new Set([...seen].filter((id) => id !== job)),
      open: undefined,
      chosen: [],
    }));
  },
}));

/** One list, each file once: where a job showed again what an earlier one made, the first that comes counts. */
function merged(first: readonly Picture[], second: readonly Picture[]): readonly Picture[] {
  const known = new Set(first.map((picture) => picture.key));
  const fresh = second.filter((picture) => !known.has(picture.key) && known.add(picture.key));
  return [...first, ...fresh];
}

export function picturesOf(job: JsonObject): Picture[] {
  const made = Date.parse(String(job["ended"] ?? job["created"] ?? "")) || 0;
  const outputs = isObject(job["outputs"]) ? job["outputs"] : {};
  return Object.entries(outputs).flatMap(([node, shown]) =>
    filesOf(isObject(shown) ? shown["images"] : undefined)
      .filter((file) => file.type !== "input")
      .map((file) => ({ key: keyOf(file), job: String(job["id"]), node, file, workflow: String(job["workflow"] ?? ""), made })),
  );
}

/** A picture that a run shows, whether the gallery has come to it or not. */
export function pictureOf(file: ShownFile, job: string, node: string): Picture {
  return { key: keyOf(file), job, node, file, workflow: "", made: 0 };
}

/** Looks at a picture that a node of the active tab shows. */
export function lookAt(file: ShownFile): void {
  const { runs, shown } = useRuns.getState();
  const run = runs[shown[useEditor.getState().active] ?? ""];
  const node = Object.entries(run?.nodes ?? {}).find(([, each]) => each.images?.includes(file))?.[0] ?? "";
  useGallery.getState().look(pictureOf(file, run?.job ?? "", node));
}

export function keyOf({ type, subfolder, filename }: ShownFile): string {
  return `${type}/${subfolder ? `${subfolder}/` : ""}${filename}`;
}

/** What a picture was made with, as far as its graph tells: prompts, and the numbers of its sampler. */
export interface Facts {
  readonly prompt: string;
  readonly negative: string;
  readonly seed?: Json;
  readonly others: readonly (readonly [string, Json])[];
}

const TOLD = ["steps", "cfg", "sampler_name", "scheduler", "denoise", "ckpt_name", "unet_name", "lora_name"];

export function factsOf(graph: Json, node: string): Facts {
  const nodes = isObject(graph) ? graph : {};
  const inputsOf = (id: string): JsonObject => {
    const found = nodes[id];
    return isObject(found) && isObject(found["inputs"]) ? found["inputs"] : {};
  };
  const sourceOf = (value: Json | undefined): string | undefined =>
    Array.isArray(value) && value.length === 2 && String(value[0]) in nodes ? String(value[0]) : undefined;
  const upstream = (start: string): string[] => {
    const found = new Set([start]);
    for (const id of found)
      for (const value of Object.values(inputsOf(id))) {
        const source = sourceOf(value);
        if (source !== undefined) found.add(source);
      }
    return [...found];
  };
  const ids = node in nodes ? upstream(node) : Object.keys(nodes);
  const textFrom = (start: string | undefined): string =>
    start === undefined
      ? ""
      : (upstream(start).flatMap((id) => Object.entries(inputsOf(id))).find(([name, value]) => typeof value === "string" && /^(text|prompt|string|value)/.test(name))?.[1] as string | undefined) ?? "";
  const sampler = ids.find((id) => sourceOf(inputsOf(id)["positive"]) !== undefined);
  const at = (names: readonly string[]): Json | undefined =>
    ids.flatMap((id) => names.map((name) => inputsOf(id)[name])).find((value) => value !== undefined && !Array.isArray(value));
  const seed = at(["seed", "noise_seed"]);
  return {
    prompt: textFrom(sampler === undefined ? ids.find((id) => typeof inputsOf(id)["text"] === "string") : sourceOf(inputsOf(sampler)["positive"])),
    negative: sampler === undefined ? "" : textFrom(sourceOf(inputsOf(sampler)["negative"])),
    ...(seed !== undefined && { seed }),
    others: TOLD.flatMap((name) => {
      const value = at([name]);
      return value === undefined ? [] : [[name, value] as const];
    }),
  };
}
