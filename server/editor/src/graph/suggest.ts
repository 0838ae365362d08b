/** Which inputs of a workflow people most likely want to set, when nobody has named any. */

import type { NodeDef, NodeDefs } from "../api/nodeDefs";
import { linkId, type GraphNode, type NamedInput, type Workflow } from "./model";

const NUMBERS = new Set(["seed", "noise_seed", "steps", "cfg", "width", "height", "denoise", "batch_size"]);
const MOST = 12;

/** By name, in the order of a form: texts, pictures, numbers, models. */
export function suggestedInputs(workflow: Workflow, defs: NodeDefs): Record<string, NamedInput> {
  const found: { rank: number; name: string; input: NamedInput }[] = [];
  for (const node of Object.values(workflow.graph.nodes)) {
    const def = defs[node.classType];
    if (!def || node.mode) continue;
    for (const input of def.inputs) {
      const rank = rankOf(input.widget?.kind, input.name, input);
      if (rank === undefined || linkId(node.id, input.name) in workflow.graph.links) continue;
      found.push({ rank, name: nameOf(workflow, node, def, input.name, rank), input: { node: node.id, input: input.name } });
    }
  }
  const named: Record<string, NamedInput> = {};
  for (const { name, input } of found.sort((a, b) => a.rank - b.rank).slice(0, MOST)) {
    let free = name;
    for (let number = 2; free in named; number++) free = `${name}_${number}`;
    named[free] = { ...input, title: titleOf(free) };
  }
  return named;
}

function rankOf(kind: string | undefined, name: string, input: NodeDef["inputs"][number]): number | undefined {
  if (kind === "text" && input.widget?.kind === "text" && input.widget.multiline) return 0;
  if (kind === "combo" && input.widget?.kind === "combo" && input.widget.upload) return 1;
  if ((kind === "int" || kind === "float") && NUMBERS.has(name)) return 2 + [...NUMBERS].indexOf(name);
  return name === "ckpt_name" ? 20 : undefined;
}

function nameOf(workflow: Workflow, node: GraphNode, def: NodeDef, input: string, rank: number): string {
  if (rank > 1) return { noise_seed: "seed", batch_size: "pictures", ckpt_name: "model" }[input] ?? input;
  if (rank === 1) return "image";
  const leads = Object.values(workflow.graph.links).filter((link) => link.source === node.id).map((link) => link.input);
  if (leads.length && leads.every((lead) => lead === "negative")) return "negative";
  if (leads.includes("positive")) return "prompt";
  const words = (node.title ?? def.title).toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_|_$/g, "");
  return words.includes("negative") ? "negative" : words.includes("prompt") || input === "text" ? "prompt" : words || input;
}

function titleOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return words === "negative" ? "Negative prompt" : words.charAt(0).toUpperCase() + words.slice(1);
}
