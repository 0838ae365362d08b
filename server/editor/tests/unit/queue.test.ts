import { describe, expect, it } from "vitest";
import { forecast, moved, placeOf, readJob, type Job } from "../../src/state/queue";
import type { Run } from "../../src/state/runs";

const job = (id: string, change: Partial<Job> = {}): Job => ({ id, state: "pending", client: "", workflow: "w", priority: 0, attempts: 0, created: 0, ...change });
const LINE = [job("a"), job("b"), job("c")];
const ids = (line: readonly Job[]) => line.map((each) => each.id).join("");

describe("the order of the line", () => {
  it("changes by moving a job to a place", () => {
    expect(ids(moved(LINE, "c", 0))).toBe("cab");
    expect(ids(moved(LINE, "a", 1))).toBe("bac");
    expect(ids(moved(LINE, "a", 99))).toBe("bca");
    expect(ids(moved(LINE, "b", -5))).toBe("bac");
  });

  it("is the same line when nothing moves", () => {
    expect(moved(LINE, "b", 1)).toBe(LINE);
    expect(moved(LINE, "z", 0)).toBe(LINE);
  });

  it("is asked for by the job that comes after, or as the end", () => {
    expect(placeOf(moved(LINE, "c", 1), "c")).toEqual({ before: "b" });
    expect(placeOf(moved(LINE, "a", 2), "a")).toEqual({ to: "back" });
  });
});

describe("when jobs begin", () => {
  const none = { running: [], durations: {}, progress: {} };

  it("adds up what goes before", () => {
    const times = forecast({ ...none, pending: LINE, durations: { w: 2 } }, {}, 0);
    expect([times["a"], times["b"], times["c"]]).toEqual([{ begins: 0, takes: 2 }, { begins: 2, takes: 2 }, { begins: 4, takes: 2 }]);
  });

  it("says nothing behind a job of which nothing is known", () => {
    const pending = [job("a"), job("b", { workflow: "other" }), job("c")];
    const times = forecast({ ...none, pending, durations: { w: 2 } }, {}, 0);
    expect(times["b"]).toEqual({ begins: 2, takes: undefined });
    expect(times["c"]?.begins).toBeUndefined();
  });

  it("goes by the plan of a run of this page, and by how far the runs of others are", () => {
    const run: Run = { job: "a", tab: "t", title: "", workflow: "w", client: "", state: "pending", submitted: 0, planned: { n: 5 }, nodes: {} };
    const running = [job("r", { state: "running", started: 0 })];
    const times = forecast({ running, pending: [job("a")], durations: {}, progress: { r: 0.5 } }, { a: run }, 4000);
    expect(times["r"]?.takes).toBe(4);
    expect(times["a"]).toEqual({ begins: 4, takes: 5 });
  });
});

it("a job is read with its times and its failure", () => {
  const read = readJob({ id: "x", state: "failed", started: "1970-01-01T00:00:01.000Z", ended: null, failure: { message: "no", node: "3" } });
  expect(read).toMatchObject({ id: "x", state: "failed", started: 1000, failure: "no", failedNode: "3" });
  expect(read.ended).toBeUndefined();
});
