import { expect, it } from "vitest";
import { clippingOf, insertClipping, readClipping, readText, writeClipping } from "../../src/graph/clipping";
import { makeSubgraph } from "../../src/graph/subgraphs";
import { emptyWorkflow } from "../../src/graph/model";
import { socketsOf, textToImage } from "./graphs";

const again = (text: string) => readClipping(readText(text)!)!;

it("takes nodes to another workflow with the links among them", () => {
  const clipping = again(writeClipping(clippingOf(textToImage(), [], ["3", "4"])));
  const { workflow, ids } = insertClipping(emptyWorkflow(), [], clipping, [10, 20], { outside: true });
  expect(ids).toEqual(["1", "2"]);
  expect(Object.values(workflow.graph.links)).toEqual([{ source: "1", output: 0, target: "2", input: "samples" }]);
  expect(workflow.graph.nodes["1"]!.pos).toEqual([610, 20]);
  expect(workflow.graph.nodes["1"]!.control).toEqual({ seed: "increment" });
});

it("keeps links from outside where they are asked for, in the same workflow alone", () => {
  const home = textToImage();
  const clipping = again(writeClipping(clippingOf(home, [], ["3"])));
  const sources = (outside: boolean, into = home) => {
    const { workflow, ids } = insertClipping(into, [], clipping, [0, 0], { outside });
    return Object.values(workflow.graph.links).filter((link) => link.target === ids[0]).map((link) => link.source);
  };
  expect(sources(true)).toEqual(["1", "2"]);
  expect(sources(false)).toEqual([]);
  expect(sources(true, { ...home, id: "another" })).toEqual([]);
});

it("brings the definitions of sub-graphs, and shares those that are there", () => {
  const home = textToImage();
  const { workflow, instance, definition } = makeSubgraph(home, [], ["2", "3"], "Sub", socketsOf(home))!;
  const clipping = again(writeClipping(clippingOf(workflow, [], [instance])));
  expect(Object.keys(insertClipping(emptyWorkflow(), [], clipping, [0, 0], { outside: false }).workflow.subgraphs)).toEqual([definition]);
  expect(Object.keys(insertClipping(workflow, [], clipping, [0, 0], { outside: false }).workflow.subgraphs)).toEqual([definition]);
  const changed = { ...workflow, subgraphs: { [definition]: { ...workflow.subgraphs[definition]!, title: "Changed" } } };
  expect(Object.keys(insertClipping(changed, [], clipping, [0, 0], { outside: false }).workflow.subgraphs)).toHaveLength(2);
});

it("does not put a sub-graph into itself", () => {
  const home = textToImage();
  const { workflow, instance, definition } = makeSubgraph(home, [], ["2", "3"], "Sub", socketsOf(home))!;
  const { ids, refused } = insertClipping(workflow, [definition], clippingOf(workflow, [], [instance]), [0, 0], { outside: false });
  expect(ids).toEqual([]);
  expect(refused).toEqual(["Sub"]);
});

it("takes notes and groups along", () => {
  const home = textToImage();
  const graph = {
    ...home.graph,
    notes: { n: { id: "n", text: "hello", pos: [0, 0] as const, size: [100, 50] as const } },
    groups: { g: { id: "g", title: "G", bounding: [0, 0, 100, 100] as const } },
  };
  const clipping = again(writeClipping(clippingOf({ ...home, graph }, [], ["n", "g"])));
  const { workflow } = insertClipping(emptyWorkflow(), [], clipping, [5, 5], { outside: false });
  expect(Object.values(workflow.graph.notes)[0]).toMatchObject({ text: "hello", pos: [5, 5] });
  expect(Object.values(workflow.graph.groups)[0]).toMatchObject({ title: "G", bounding: [5, 5, 100, 100] });
});

it("knows a clipping from a whole workflow and from other texts", () => {
  expect(readText("hello")).toBeUndefined();
  expect(readText("{ no json")).toBeUndefined();
  expect(readClipping(readText('{"1": {"class_type": "A", "inputs": {}}}')!)).toBeUndefined();
});
