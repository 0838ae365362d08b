import { beforeEach, describe, expect, it, vi } from "vitest";
import { fractionOf, overallOf, pacesOf, secondsLeft, weightOf } from "../../src/state/headway";
import { isOpen, kept, prefixOf, taken, useRuns, type NodeRun, type Run } from "../../src/state/runs";
import { emptyWorkflow } from "../../src/graph/model";

const node = (state: NodeRun["state"], value = 1, max = 1): NodeRun => ({ state, value, max });

function run(change: Partial<Run> = {}): Run {
  return { job: "j", tab: "t", title: "T", workflow: "w", client: "c", state: "running", submitted: 0, planned: { a: 1, b: 3 }, nodes: {}, ...change };
}

describe("how far a run is", () => {
  it("is weighted by the seconds of its plan", () => {
    expect(fractionOf(run())).toBe(0);
    expect(fractionOf(run({ nodes: { a: node("done") } }))).toBe(0.25);
    expect(fractionOf(run({ nodes: { a: node("done"), b: node("running", 10, 20) } }))).toBe(0.625);
    expect(fractionOf(run({ state: "completed" }))).toBe(1);
  });

  it("leaves out what turned out to be cached", () => {
    const half = run({ nodes: { a: node("cached"), b: node("running", 1, 2) } });
    expect(weightOf(half)).toEqual({ whole: 3, done: 1.5 });
    expect(fractionOf(half)).toBe(0.5);
  });

  it("is what the server says for a run without a plan", () => {
    expect(fractionOf(run({ planned: {}, nodes: { a: node("done") } }))).toBe(0);
    const told = run({ planned: {}, share: 0.25, began: 0 });
    expect(fractionOf(told)).toBe(0.25);
    expect(secondsLeft(told, 1000)).toBe(3);
  });
});

describe("how long it still takes", () => {
  it("follows the plan at first and then how it goes", () => {
    expect(secondsLeft(run({ began: 0 }), 100)).toBe(4);
    const slow = run({ began: 0, nodes: { a: node("done"), b: node("running", 1, 3) } });
    expect(secondsLeft(slow, 8000)).toBeCloseTo(8);
    expect(secondsLeft(run({ state: "completed" }), 0)).toBe(0);
  });

  it("is corrected for waiting runs by the run of the same workflow", () => {
    const slow = run({ began: 0, nodes: { a: node("done"), b: node("running", 1, 3) } });
    expect(pacesOf([slow], 8000)).toEqual({ w: 4 });
    const waiting = run({ job: "k", state: "pending" });
    expect(overallOf([slow, waiting], 8000)?.left).toBeCloseTo(8 + 16);
  });
});

describe("all that is under way", () => {
  it("is nothing when all is quiet", () => {
    expect(overallOf([run({ state: "completed", ended: 5 })], 10)).toBeUndefined();
  });

  it("counts what ended of the same batch, and nothing before it", () => {
    const before = run({ job: "1", state: "completed", submitted: 0, ended: 10 });
    const done = run({ job: "2", state: "completed", submitted: 100, ended: 200 });
    const waits = run({ job: "3", state: "pending", submitted: 150 });
    expect(overallOf([before, done, waits], 300)).toMatchObject({ open: 1, all: 2, share: 0.5 });
  });
});

describe("what the server tells", () => {
  it("gives a run its end, its pictures, its cached nodes and every failure", () => {
    const told = taken(run({ nodes: { b: node("running", 1, 2) } }), {
      id: "j",
      state: "failed",
      started: "2026-01-01T00:00:00.000Z",
      ended: "2026-01-01T00:00:02.000Z",
      cached: ["a"],
      outputs: { p: { images: [{ filename: "x.png", subfolder: "", type: "output" }] } },
      failures: [{ node: "s:1", message: "too small" }],
      failure: { message: "too small" },
    });
    expect(told.state).toBe("failed");
    expect((told.ended ?? 0) - (told.began ?? 0)).toBe(2000);
    expect(told.nodes["a"]?.state).toBe("cached");
    expect(told.nodes["p"]?.images).toEqual([{ filename: "x.png", subfolder: "", type: "output" }]);
    expect(told.nodes["s:1"]?.error).toBe("too small");
    expect(told.nodes["s"]).toMatchObject({ state: "error", error: "too small" });
  });

  it("begins anew when the server runs a job again", () => {
    const again = taken(run({ began: 5, ended: 6, nodes: { a: node("done") } }), { id: "j", state: "pending" });
    expect(again).toMatchObject({ state: "pending", nodes: {} });
    expect(again.began).toBeUndefined();
    expect(isOpen(again)).toBe(true);
  });
});

describe("the socket", () => {
  beforeEach(() => {
    useRuns.setState({ runs: {}, shown: {} });
    vi.stubGlobal("fetch", () => Promise.reject(new Error("no server here")));
  });
  const say = (kind: string, data: Record<string, unknown>) =>
    useRuns.getState().hear({ type: "event", kind, data: { prompt_id: "j", ...data } as never });
  const begin = (job = "j") => useRuns.getState().begin({ job, tab: "t", title: "T", workflow: "w", client: "c", planned: {} });

  it("is heard even when a job begins before its submission is answered", () => {
    say("execution_start", {});
    say("execution_cached", { nodes: ["a"] });
    begin();
    expect(useRuns.getState().runs["j"]).toMatchObject({ state: "running", nodes: { a: { state: "cached" } } });
  });

  it("moves a tab to the run that begins, and not to one that waits", () => {
    begin("j");
    begin("k");
    expect(useRuns.getState().shown["t"]).toBe("j");
    say("execution_success", {});
    useRuns.getState().hear({ type: "event", kind: "execution_start", data: { prompt_id: "k" } });
    expect(useRuns.getState().shown["t"]).toBe("k");
  });

  it("sums up the inner nodes of a sub-graph", () => {
    begin();
    say("execution_start", {});
    say("progress_state", { nodes: { "s:1": { state: "running", value: 2, max: 8 }, "s:2": { state: "finished", value: 1, max: 1 } } });
    expect(useRuns.getState().runs["j"]?.nodes["s"]).toMatchObject({ state: "running", value: 2, max: 8 });
  });
});

describe("keeping", () => {
  it("takes what is shown or under way, without previews", () => {
    const shown = run({ job: "1", state: "completed", nodes: { a: { ...node("done"), preview: "blob:x" } } });
    const old = run({ job: "2", state: "completed" });
    const open = run({ job: "3", state: "pending" });
    const found = kept({ runs: { 1: shown, 2: old, 3: open }, shown: { t: "1" } });
    expect(Object.keys(found.runs)).toEqual(["1", "3"]);
    expect(found.runs["1"]?.nodes["a"]).toEqual(node("done"));
  });
});

it("inside a sub-graph nodes are those of its first instance", () => {
  const workflow = emptyWorkflow();
  const instance = { id: "7", classType: "subgraph:d", pos: [0, 0] as const, values: {} };
  const inside = { ...workflow, graph: { ...workflow.graph, nodes: { 7: instance } } };
  expect(prefixOf({ workflow: inside, path: [] })).toBe("");
  expect(prefixOf({ workflow: inside, path: ["d"] })).toBe("7:");
});
