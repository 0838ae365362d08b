/** Where nodes go when nobody has placed them: in columns, by how far they are from the start. */

import { linksByTarget, type Graph, type GraphNode, type Point } from "./model";

export const NODE_WIDTH = 240;
const COLUMN = NODE_WIDTH + 80;
const GAP = 40;

/** A guess of a node's height before it was ever drawn. */
export function roughHeight(node: GraphNode, links: number): number {
  const long = Object.values(node.values).some((value) => typeof value === "string" && value.length > 40);
  return 60 + 26 * (Object.keys(node.values).length + links) + (long ? 80 : 0);
}

export function rankLayout(graph: Graph): Graph {
  const ranks = ranksOf(graph);
  const links = linksByTarget(graph);
  const fill: number[] = [];
  const nodes: Record<string, GraphNode> = {};
  for (const node of Object.values(graph.nodes)) {
    const rank = ranks.get(node.id) ?? 0;
    const top = fill[rank] ?? 0;
    nodes[node.id] = { ...node, pos: [rank * COLUMN, top] satisfies Point };
    fill[rank] = top + roughHeight(node, links.get(node.id)?.length ?? 0) + GAP;
  }
  return { ...graph, nodes };
}

/** The longest way from a start, for each node; cycles are cut where they are met. */
export function ranksOf(graph: Graph): Map<string, number> {
  const sources = new Map<string, string[]>();
  const waiting = new Map<string, number>();
  const consumers = new Map<string, string[]>();
  for (const id of Object.keys(graph.nodes)) sources.set(id, []);
  for (const link of Object.values(graph.links)) {
    if (!sources.has(link.target) || !sources.has(link.source)) continue;
    sources.get(link.target)!.push(link.source);
    waiting.set(link.target, (waiting.get(link.target) ?? 0) + 1);
    const those = consumers.get(link.source);
    if (those) those.push(link.target);
    else consumers.set(link.source, [link.target]);
  }
  const ranks = new Map<string, number>();
  const ready = [...sources.keys()].filter((id) => !waiting.get(id));
  for (const id of ready) {
    ranks.set(id, Math.max(0, ...sources.get(id)!.map((source) => (ranks.get(source) ?? 0) + 1)));
    for (const consumer of consumers.get(id) ?? []) {
      const left = waiting.get(consumer)! - 1;
      waiting.set(consumer, left);
      if (!left) ready.push(consumer);
    }
  }
  return ranks;
}
