/** Nodes in order, by dagre; loaded when it is first asked for. */

import { NODE_WIDTH, roughHeight } from "./layout";
import { linksByTarget, type Graph, type Point } from "./model";
import { moveNodes } from "./ops";
import { activeGraph, activeTab, useEditor } from "../state/editor";

export type Heights = (id: string) => number | undefined;

/** New places for nodes (all, or some), the top left corner kept. */
export async function tidied(graph: Graph, only: ReadonlySet<string>, heightOf: Heights): Promise<Record<string, Point>> {
  const { default: dagre } = await import("@dagrejs/dagre");
  const layout = new dagre.graphlib.Graph({ multigraph: true });
  layout.setGraph({ rankdir: "LR", nodesep: 32, ranksep: 72 });
  layout.setDefaultEdgeLabel(() => ({}));
  const links = linksByTarget(graph);
  const nodes = Object.values(graph.nodes).filter((node) => !node.pinned && (!only.size || only.has(node.id)));
  const chosen = new Set(nodes.map((node) => node.id));
  for (const node of nodes)
    layout.setNode(node.id, {
      width: node.size?.[0] ?? NODE_WIDTH,
      height: heightOf(node.id) ?? roughHeight(node, links.get(node.id)?.length ?? 0),
    });
  for (const [id, link] of Object.entries(graph.links))
    if (chosen.has(link.source) && chosen.has(link.target)) layout.setEdge(link.source, link.target, {}, id);
  dagre.layout(layout);
  const left = Math.min(...nodes.map((node) => node.pos[0]));
  const top = Math.min(...nodes.map((node) => node.pos[1]));
  const placed = nodes.map((node) => {
    const { x, y, width, height } = layout.node(node.id);
    return { id: node.id, x: x - width / 2, y: y - height / 2 };
  });
  const fromLeft = Math.min(...placed.map((each) => each.x));
  const fromTop = Math.min(...placed.map((each) => each.y));
  return Object.fromEntries(
    placed.map(({ id, x, y }) => [id, [Math.round(x - fromLeft + left), Math.round(y - fromTop + top)] as const]),
  );
}

/** Tidy what is selected, or else everything. */
export async function tidy(): Promise<void> {
  const state = useEditor.getState();
  const graph = activeGraph(state);
  if (!Object.keys(graph.nodes).length) return;
  const selection = [...activeTab(state).selection].filter((id) => id in graph.nodes);
  const places = await tidied(graph, new Set(selection.length > 1 ? selection : []), (id) =>
    document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`)?.offsetHeight,
  );
  state.editGraph("Tidy up", (each) => moveNodes(each, places));
}
