/** Going to a node: into its sub-graph, selected, in the middle. */

import { useReactFlow } from "@xyflow/react";
import { useCallback } from "react";
import { SUBGRAPH, type Graph } from "../graph/model";
import { activeTab, useEditor } from "../state/editor";

const AFTER_ENTERING = 150;

export function useReveal(): (id: string) => void {
  const flow = useReactFlow();
  return useCallback(
    (id) => {
      const editor = useEditor.getState();
      const { workflow, path: before } = activeTab(editor);
      const { path, node } = placeOf(workflow, id);
      const moves = path.join("/") !== before.join("/");
      if (moves) editor.enter(path);
      editor.select([node]);
      const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      setTimeout(
        () => {
          void flow.fitView({ nodes: [{ id: node }], maxZoom: 1, padding: 0.4, duration: calm ? 0 : 250 });
          document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(node)}"]`)?.focus({ preventScroll: true });
        },
        moves ? AFTER_ENTERING : 0,
      );
    },
    [flow],
  );
}

/** The definitions on the way to a node whose id is `instance:inner`. */
export function placeOf(
  workflow: { readonly graph: Graph; readonly subgraphs: Readonly<Record<string, { readonly graph: Graph }>> },
  id: string,
): { readonly path: readonly string[]; readonly node: string } {
  const [first, ...inner] = id.split(":");
  const path: string[] = [];
  let node = first!;
  let graph = workflow.graph;
  for (const next of inner) {
    const classType = graph.nodes[node]?.classType ?? "";
    const definition = classType.startsWith(SUBGRAPH) ? classType.slice(SUBGRAPH.length) : undefined;
    const below = definition === undefined ? undefined : workflow.subgraphs[definition];
    if (definition === undefined || !below) break;
    path.push(definition);
    graph = below.graph;
    node = next;
  }
  return { path, node };
}
