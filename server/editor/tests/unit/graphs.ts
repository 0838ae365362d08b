/** Small graphs for tests. */

import { readDocument, writeDocument } from "../../src/graph/document";
import type { Workflow } from "../../src/graph/model";
import type { Sockets } from "../../src/graph/subgraphs";
import { isObject, type Json } from "../../src/json";

export const TEXT_TO_IMAGE: Json = {
  "1": { class_type: "Loader", inputs: { name: "tiny" }, _meta: { pos: [0, 0] } },
  "2": { class_type: "Encode", inputs: { clip: ["1", 1], text: "a cat" }, _meta: { pos: [300, 0], title: "Prompt" } },
  "3": { class_type: "Sample", inputs: { model: ["1", 0], positive: ["2", 0], seed: 7 }, _meta: { pos: [600, 0], control: { seed: "increment" } } },
  "4": { class_type: "Decode", inputs: { samples: ["3", 0], vae: ["1", 2] }, _meta: { pos: [900, 0] } },
  "5": { class_type: "Save", inputs: { images: ["4", 0] }, _meta: { pos: [1200, 0] } },
  _workflow: {
    version: 1,
    id: "w",
    title: "Text to image",
    inputs: { prompt: ["2", "text"], seed: { at: ["3", "seed"], title: "Seed" } },
    outputs: { latent: ["3", 0], picture: "5" },
  },
};

const OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  Loader: ["MODEL", "CLIP", "VAE"],
  Encode: ["CONDITIONING"],
  Sample: ["LATENT"],
  Decode: ["IMAGE"],
};

export function textToImage(): Workflow {
  return readDocument(TEXT_TO_IMAGE);
}

export function socketsOf(workflow: Workflow): Sockets {
  const type = (node: string, output: number) => OUTPUTS[workflow.graph.nodes[node]?.classType ?? ""]?.[output] ?? "*";
  return { outputType: type, outputName: type, inputType: () => "*" };
}

/** What a graph computes, whatever its nodes are called: every node as its class, values and what it is made from. */
export function meaning(workflow: Workflow): string[] {
  const document = writeDocument(workflow);
  const told = new Map<string, string>();
  const tell = (id: string): string => {
    const known = told.get(id);
    if (known !== undefined) return known;
    told.set(id, "(circle)");
    const node = document[id];
    const inputs = isObject(node) && isObject(node["inputs"]) ? node["inputs"] : {};
    const parts = Object.entries(inputs)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, value]) => `${name}=${Array.isArray(value) ? `${tell(String(value[0]))}.${String(value[1])}` : String(value)}`);
    const text = `${isObject(node) ? String(node["class_type"]) : "nothing"}(${parts.join(", ")})`;
    told.set(id, text);
    return text;
  };
  return Object.keys(document).filter((id) => id !== "_workflow").map(tell).sort();
}
