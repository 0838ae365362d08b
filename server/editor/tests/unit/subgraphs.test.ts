import { describe, expect, it } from "vitest";
import { readDocument, writeDocument } from "../../src/graph/document";
import { connect, dropLostNames, freshId, putNode } from "../../src/graph/ops";
import {
  addInlet, addOutlet, dropDefinition, expandSubgraph, makeSubgraph, mayHold, removeInlet, removeOutlet, renameInlet, toggleExposed,
} from "../../src/graph/subgraphs";
import type { Workflow } from "../../src/graph/model";
import { meaning, socketsOf, textToImage } from "./graphs";

function made(ids: readonly string[], workflow: Workflow = textToImage(), path: readonly string[] = []) {
  const result = makeSubgraph(workflow, path, ids, "Sub", socketsOf(workflow));
  if (!result) throw new Error("nothing was made");
  return result;
}

describe("making a sub-graph", () => {
  it("turns links that cross into named inputs and outputs", () => {
    const { workflow, instance, definition } = made(["2", "3"]);
    const sub = workflow.subgraphs[definition]!;
    expect(sub.inputs).toEqual({ clip: { type: "CLIP", to: [["2", "clip"]] }, model: { type: "MODEL", to: [["3", "model"]] } });
    expect(sub.outputs).toEqual({ LATENT: ["3", 0] });
    expect(Object.values(workflow.graph.links)).toContainEqual({ source: instance, output: 0, target: "4", input: "samples" });
    expect(Object.keys(sub.graph.links)).toHaveLength(1);
  });

  it("gives one input to several inner sockets that have one source", () => {
    const workflow = textToImage();
    const twice = { ...workflow, graph: connect(workflow.graph, { source: "1", output: 0, target: "4", input: "model" }) };
    const { workflow: after, definition } = made(["3", "4"], twice);
    expect(after.subgraphs[definition]!.inputs["model"]!.to).toEqual([["3", "model"], ["4", "model"]]);
  });

  it("leads the names of the workflow to the instance", () => {
    const { workflow, instance, definition } = made(["2", "3"]);
    expect(workflow.inputs["prompt"]).toEqual({ node: instance, input: "prompt" });
    expect(workflow.inputs["seed"]).toEqual({ node: instance, input: "seed", title: "Seed" });
    expect(workflow.outputs["latent"]).toEqual({ node: instance, output: 0 });
    expect(workflow.subgraphs[definition]!.exposed).toEqual({ prompt: ["2", "text"], seed: ["3", "seed"] });
  });

  it("keeps the name of an output node that goes inside", () => {
    const { workflow, instance } = made(["4", "5"]);
    expect(dropLostNames(workflow).outputs["picture"]).toEqual({ node: `${instance}:5` });
  });

  it("lets a seed that changes after each run go on changing", () => {
    const { workflow, instance } = made(["2", "3"]);
    expect(workflow.graph.nodes[instance]!.control).toEqual({ seed: "increment" });
    expect(workflow.graph.nodes[instance]!.values).toEqual({ seed: 7 });
  });

  it("does nothing without nodes", () => {
    expect(makeSubgraph(textToImage(), [], [], "Sub", socketsOf(textToImage()))).toBeUndefined();
  });
});

describe("a sub-graph made and expanded", () => {
  it.each([[["2", "3"]], [["1"]], [["3", "4", "5"]], [["1", "2", "3", "4", "5"]], [["2", "4"]]])("computes the same: %j", (ids) => {
    const before = textToImage();
    const { workflow, instance } = made(ids, before);
    const saved = readDocument(writeDocument(workflow));
    const { workflow: after } = expandSubgraph(saved, [], instance)!;
    expect(meaning(after)).toEqual(meaning(before));
    expect(after.subgraphs).toEqual({});
    const place = (each: Workflow, name: string) => {
      const { node, input } = each.inputs[name]!;
      return [each.graph.nodes[node]!.classType, input];
    };
    expect(place(after, "prompt")).toEqual(place(before, "prompt"));
    expect(after.graph.nodes[after.outputs["picture"]!.node]!.classType).toBe("Save");
    expect(after.graph.nodes[after.outputs["latent"]!.node]!.classType).toBe("Sample");
  });

  it("computes the same when it is nested", () => {
    const before = textToImage();
    const outer = made(["2", "3", "4"], before);
    const inner = makeSubgraph(outer.workflow, [outer.definition], ["3"], "Inner", socketsOf(before))!;
    const { workflow: once, ids } = expandSubgraph(inner.workflow, [], outer.instance)!;
    const nested = ids.find((id) => once.graph.nodes[id]!.classType.startsWith("subgraph:"))!;
    expect(meaning(expandSubgraph(once, [], nested)!.workflow)).toEqual(meaning(before));
    const { workflow: inside } = expandSubgraph(inner.workflow, [outer.definition], inner.instance)!;
    expect(meaning(expandSubgraph(inside, [], outer.instance)!.workflow)).toEqual(meaning(before));
  });

  it("takes the values that the instance was given", () => {
    const { workflow, instance } = made(["2", "3"]);
    const given = { ...workflow, graph: putNode(workflow.graph, { ...workflow.graph.nodes[instance]!, values: { prompt: "a dog", seed: 9 } }) };
    const { workflow: after } = expandSubgraph(given, [], instance)!;
    expect(Object.values(after.graph.nodes).find((node) => node.classType === "Encode")!.values["text"]).toBe("a dog");
    expect(Object.values(after.graph.nodes).find((node) => node.classType === "Sample")!.values["seed"]).toBe(9);
  });

  it("keeps the definition while another instance uses it", () => {
    const { workflow, instance, definition } = made(["2", "3"]);
    const other = freshId(workflow.graph);
    const two = { ...workflow, graph: putNode(workflow.graph, { ...workflow.graph.nodes[instance]!, id: other }) };
    const { workflow: after } = expandSubgraph(two, [], instance)!;
    expect(Object.keys(after.subgraphs)).toEqual([definition]);
  });

  it("stays as it is while it is bypassed", () => {
    const { workflow, instance } = made(["2", "3"]);
    const bypassed = { ...workflow, graph: putNode(workflow.graph, { ...workflow.graph.nodes[instance]!, mode: "bypass" as const }) };
    expect(expandSubgraph(bypassed, [], instance)).toBeUndefined();
  });
});

describe("the face of a definition", () => {
  it("shows an inner widget, and hides it with the values that it was given", () => {
    const { workflow, instance, definition } = made(["3"]);
    const hidden = toggleExposed(workflow, definition, "3", "seed");
    expect(hidden.subgraphs[definition]!.exposed).toEqual({});
    expect(hidden.graph.nodes[instance]!.values).toEqual({});
    expect(toggleExposed(hidden, definition, "3", "seed").subgraphs[definition]!.exposed).toEqual({ seed: ["3", "seed"] });
  });

  it("renames an input with its links and values", () => {
    const { workflow, instance, definition } = made(["2", "3"]);
    const after = renameInlet(renameInlet(workflow, definition, "clip", "words"), definition, "prompt", "what");
    expect(Object.values(after.graph.links)).toContainEqual({ source: "1", output: 1, target: instance, input: "words" });
    expect(after.inputs["prompt"]).toEqual({ node: instance, input: "what" });
    expect(renameInlet(after, definition, "words", "model")).toBe(after);
  });

  it("takes an input away with the links that fed it", () => {
    const { workflow, instance, definition } = made(["2", "3"]);
    const after = removeInlet(workflow, definition, "clip");
    expect(Object.values(after.graph.links).some((link) => link.target === instance && link.input === "clip")).toBe(false);
  });

  it("keeps later outputs in their place when one goes", () => {
    const { workflow, instance, definition } = made(["1"]);
    const names = Object.keys(workflow.subgraphs[definition]!.outputs);
    const after = removeOutlet(workflow, definition, names[0]!);
    const into = (each: Workflow, input: string) => Object.values(each.graph.links).find((link) => link.input === input && link.source === instance);
    const last = ["clip", "model", "vae"].map((input) => [input, into(workflow, input)!.output] as const).filter(([, output]) => output > 0);
    for (const [input, output] of last) expect(into(after, input)!.output).toBe(output - 1);
  });

  it("gets inputs and outputs one by one", () => {
    const { workflow, definition } = made(["3"]);
    const wider = addOutlet(addInlet(workflow, definition, "3", "negative", "CONDITIONING"), definition, "3", 0, "LATENT");
    expect(wider.subgraphs[definition]!.inputs["negative"]).toEqual({ type: "CONDITIONING", to: [["3", "negative"]] });
    expect(Object.keys(wider.subgraphs[definition]!.outputs)).toEqual(["LATENT", "LATENT_2"]);
  });

  it("may not hold itself, directly or in another", () => {
    const outer = made(["2", "3"]);
    const inner = makeSubgraph(outer.workflow, [outer.definition], ["3"], "Inner", socketsOf(outer.workflow))!;
    expect(mayHold(inner.workflow, [outer.definition, inner.definition], outer.definition)).toBe(false);
    expect(mayHold(inner.workflow, [outer.definition], inner.definition)).toBe(true);
  });

  it("goes with those that only it used", () => {
    const outer = made(["2", "3"]);
    const inner = makeSubgraph(outer.workflow, [outer.definition], ["3"], "Inner", socketsOf(outer.workflow))!;
    expect(dropDefinition(inner.workflow, outer.definition).subgraphs).toEqual({});
  });
});
