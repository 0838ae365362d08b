import { describe, expect, it } from "vitest";
import type { InputDef, Widget } from "../../src/api/nodeDefs";
import { cellsOf, costOf, drawSeeds, plannedAgain, readValues, shownValue, type Axis } from "../../src/state/sweep";
import { EMPTY_GRAPH, linkId, type Graph } from "../../src/graph/model";
import type { Plan } from "../../src/state/server";

const INT: Widget = { kind: "int", min: 0, max: 18446744073709551615n, step: 1, seed: true, slider: false };
const FLOAT: Widget = { kind: "float", min: 0, max: 100, step: 0.1, round: 0, slider: false };
const input = (widget: Widget): InputDef => ({ name: "x", type: "", required: true, widget, tooltip: "", lazy: false });
const values = (text: string, widget: Widget) => {
  const read = readValues(text, input(widget));
  return "values" in read ? read.values : read.wrong;
};

describe("the values of a sweep", () => {
  it("are a list, ranges, or both", () => {
    expect(values("1, 2,3", INT)).toEqual([1, 2, 3]);
    expect(values("1..5", INT)).toEqual([1, 2, 3, 4, 5]);
    expect(values("10..1 step 3", INT)).toEqual([10, 7, 4, 1]);
    expect(values("0..1 step 0.25", FLOAT)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(values("0.1..0.3 by 0.1", FLOAT)).toEqual([0.1, 0.2, 0.3]);
    expect(values("1..3", FLOAT)).toEqual([1, 2, 3]);
    expect(values("0.8..1", FLOAT)).toEqual([0.8, 0.9, 1]);
    expect(values("1 to 2, 7", INT)).toEqual([1, 2, 7]);
  });

  it("come once each, and large whole numbers exactly", () => {
    expect(values("4, 4, 4", INT)).toEqual([4]);
    expect(values("18446744073709551615", INT)).toEqual([18446744073709551615n]);
  });

  it("are refused with a reason", () => {
    expect(values("", INT)).toMatch(/Write/);
    expect(values("one", INT)).toMatch(/“one” is no whole number/);
    expect(values("1.5", INT)).toMatch(/whole number/);
    expect(values("101", FLOAT)).toMatch(/outside 0 to 100/);
    expect(values("1..100000", INT)).toMatch(/at most/);
    expect(values("1..2 step 0", INT)).toMatch(/more than 0/);
  });

  it("are lines for texts and choices, and both for a switch", () => {
    const text: Widget = { kind: "text", multiline: true, dynamic: false, placeholder: "" };
    expect(values("a cat\n\n a dog ", text)).toEqual(["a cat", "a dog"]);
    expect(values("x", { kind: "boolean", on: "", off: "" })).toEqual([false, true]);
  });

  it("are drawn for seeds, no two alike", () => {
    const seeds = drawSeeds(20, INT as Extract<Widget, { kind: "int" }>);
    expect(new Set(seeds).size).toBe(20);
  });
});

const axis = (node: string, name: string, list: readonly number[]): Axis => ({ node, input: name, label: name, values: list });

it("every combination is one run, across and down", () => {
  const cells = cellsOf([axis("3", "seed", [1, 2]), axis("3", "cfg", [4, 5, 6])]);
  expect(cells).toHaveLength(6);
  expect(cells[1]).toEqual({ x: 1, y: 0, inputs: { "3.seed": 2, "3.cfg": 4 } });
  expect(cellsOf([axis("3", "seed", [1, 2])])).toHaveLength(2);
  expect(cellsOf([])).toEqual([]);
});

describe("what a sweep costs", () => {
  const link = (source: string, target: string) => [linkId(target, "in"), { source, output: 0, target, input: "in" }] as const;
  const graph: Graph = { ...EMPTY_GRAPH, links: Object.fromEntries([link("load", "text"), link("text", "sample"), link("sample", "save")]) };
  const node = (seconds: number) => ({ state: "runs" as const, why: "", seconds });
  const plan: Plan = { nodes: { load: node(5), text: node(1), sample: node(10), save: node(0.1) }, runs: 4, seconds: 16.1, unknown: 0 };

  it("counts what hangs on the values once for each, and the rest once", () => {
    expect(costOf(graph, [axis("sample", "seed", [1, 2, 3])], plan, undefined)).toBeCloseTo(5 + 1 + 30.3);
  });

  it("leaves out what is cached already and does not change", () => {
    const now: Plan = { ...plan, nodes: { ...plan.nodes, load: { state: "cached", why: "", seconds: undefined } } };
    expect(costOf(graph, [axis("sample", "seed", [1, 2, 3])], plan, now)).toBeCloseTo(1 + 30.3);
  });

  it("counts two axes only where both reach", () => {
    const axes = [axis("text", "text", [1, 2]), axis("sample", "seed", [1, 2, 3])];
    expect(costOf(graph, axes, plan, undefined)).toBeCloseTo(5 + 2 * 1 + 6 * 10.1);
  });

  it("of one more run is what hangs on the values", () => {
    expect(plannedAgain(graph, [axis("sample", "seed", [1])], plan)).toEqual({ sample: 10, save: 0.1 });
  });
});

it("long values are cut for labels", () => {
  expect(shownValue("x".repeat(60))).toHaveLength(40);
  expect(shownValue(2.5)).toBe("2.5");
});
