import { describe, expect, it } from "vitest";
import { heatOf, readTimeline, slowest, withWaits } from "../../src/state/profile";
import { factsOf, picturesOf } from "../../src/state/gallery";
import { shownLeft, shownSeconds } from "../../src/graph/duration";

const event = (node: string, cat: string, ts: number, dur: number, args = {}) => ({
  name: cat === "compute" ? "Class" : `Class: ${cat}`, cat, ph: "X", ts, dur, pid: 1, tid: 1, args: { node, why: "new", ...args },
});
const TRACE = {
  traceEvents: [event("3", "compute", 1e6, 2e6, { bytes: 4096 }), event("3", "device", 1.5e6, 1e6, { note: "alone" }), event("2", "compute", 0, 5e5)],
  otherData: { cached: ["1"] },
};

describe("a timeline", () => {
  it("has a row for each node, in the order in which they began, cached ones last", () => {
    const { rows, seconds } = readTimeline(TRACE);
    expect(rows.map((row) => [row.node, row.state, row.seconds])).toEqual([["2", "ran", 0.5], ["3", "ran", 2], ["1", "cached", 0]]);
    expect(rows[1]?.spans.map((span) => [span.kind, span.note])).toEqual([["compute", undefined], ["device", "alone"]]);
    expect(rows[1]?.bytes).toBe(4096);
    expect(seconds).toBe(3);
  });

  it("tells how long a node waited after its inputs were there", () => {
    const { rows } = withWaits(readTimeline(TRACE), { 3: { class_type: "C", inputs: { a: ["2", 0], b: ["1", 0], n: 4 } } });
    expect(rows[1]?.spans[0]).toEqual({ kind: "wait", start: 0.5, seconds: 0.5 });
    expect(rows[0]?.spans[0]?.kind).toBe("compute");
  });

  it("names the slowest nodes", () => {
    expect(slowest(readTimeline(TRACE)).map((row) => row.node)).toEqual(["3", "2"]);
  });

  it("of nothing is empty", () => {
    expect(readTimeline(null)).toEqual({ rows: [], seconds: 0 });
  });
});

it("heat is a node's share of the slowest", () => {
  expect(heatOf({ a: { state: "done", seconds: 2 }, b: { state: "done", seconds: 1 }, c: { state: "cached", seconds: 9 } })).toEqual({ a: 1, b: 0.5 });
});

it("durations are read as people say them", () => {
  expect([0.03, 2.44, 59.96, 65, 3700].map(shownSeconds)).toEqual(["30 ms", "2.4 s", "1:00 min", "1:05 min", "1:01 h"]);
  expect([0.2, 4, 75, 3700].map(shownLeft)).toEqual(["0:01", "0:04", "1:15", "1:01 h"]);
});

describe("a picture", () => {
  it("tells the prompt, the seed and the sampler that made it", () => {
    const graph = {
      1: { class_type: "KSampler", inputs: { seed: 7, steps: 20, positive: ["2", 0], negative: ["3", 0] } },
      2: { class_type: "ConditioningSet", inputs: { conditioning: ["4", 0] } },
      3: { class_type: "CLIPTextEncode", inputs: { text: "blurry" } },
      4: { class_type: "CLIPTextEncode", inputs: { text: "a cat" } },
      5: { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "x" } },
      6: { class_type: "KSampler", inputs: { seed: 99 } },
    };
    expect(factsOf(graph, "5")).toEqual({ prompt: "a cat", negative: "blurry", seed: 7, others: [["steps", 20]] });
    expect(factsOf(null, "5")).toEqual({ prompt: "", negative: "", others: [] });
  });

  it("is any image that a job shows and that is no input", () => {
    const file = (type: string) => ({ filename: `${type}.png`, subfolder: "", type });
    const found = picturesOf({ id: "j", workflow: "w", ended: "1970-01-01T00:00:01Z", outputs: { 5: { images: [file("output"), file("input")], text: ["x"] } } });
    expect(found).toEqual([{ key: "output/output.png", job: "j", node: "5", file: file("output"), workflow: "w", made: 1000 }]);
  });
});
