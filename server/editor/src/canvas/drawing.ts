/**
 * What React Flow draws: derived from the graph, and on top of it what only the screen knows (measured sizes, the
 * position while something is dragged). A node that did not change keeps its object, so it is not drawn again.
 */

import { applyNodeChanges, type Edge, type EdgeChange, type Node, type NodeChange } from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { carried } from "../graph/groups";
import type { Graph, GraphNode, Group, Note, Point } from "../graph/model";
import { NODE_WIDTH } from "../graph/layout";
import { activeGraph, useEditor, useGraph, useTab } from "../state/editor";
import { useGesture } from "./gesture";
import { inputHandle, outputHandle } from "./handles";

export type FlowNode = Node<Record<string, never>, "op" | "group" | "note">;
export type FlowEdge = Edge<{ readonly selected?: boolean }, "link">;

interface Drawing {
  readonly nodes: FlowNode[];
  readonly edges: FlowEdge[];
  change(changes: NodeChange<FlowNode>[]): void;
  changeEdges(changes: EdgeChange<FlowEdge>[]): void;
}

const NO_DATA: Record<string, never> = {};

export function useDrawing(): Drawing {
  const graph = useGraph((each) => each);
  const selection = useTab((tab) => tab.selection);
  const [nodes, setNodes] = useState<FlowNode[]>([]);
  const selectedEdges = useGesture((state) => state.links);
  const drawn = useRef(new Map<string, { from: GraphNode | Group | Note; node: FlowNode }>());

  useEffect(() => {
    setNodes((before) => follow(graph, selection, new Map(before.map((node) => [node.id, node])), drawn.current));
  }, [graph, selection]);

  const edges = useMemo(() => edgesOf(graph, selectedEdges), [graph, selectedEdges]);

  const change = useCallback((changes: NodeChange<FlowNode>[]) => {
    setNodes((before) => applyNodeChanges([...changes, ...carriedBy(changes)], before));
    const picked = changes.filter((each) => each.type === "select");
    if (picked.length) {
      const { tabs, active, select } = useEditor.getState();
      const next = new Set(tabs.find((tab) => tab.id === active)?.selection);
      for (const { id, selected } of picked) {
        if (selected) next.add(id);
        else next.delete(id);
      }
      select(next);
    }
  }, []);

  const changeEdges = useCallback((changes: EdgeChange<FlowEdge>[]) => {
    const next = new Set(useGesture.getState().links);
    for (const each of changes)
      if (each.type === "select") {
        if (each.selected) next.add(each.id);
        else next.delete(each.id);
      }
    useGesture.setState({ links: next });
  }, []);

  return { nodes, edges, change, changeEdges };
}

/** A group that is dragged takes its content along, frame by frame. */
function carriedBy(changes: NodeChange<FlowNode>[]): NodeChange<FlowNode>[] {
  const positions: Record<string, Point> = {};
  for (const each of changes) if (each.type === "position" && each.dragging && each.position) positions[each.id] = [each.position.x, each.position.y];
  const graph = activeGraph(useEditor.getState());
  if (!Object.keys(positions).some((id) => graph.groups[id])) return [];
  return Object.entries(carried(graph, positions))
    .filter(([id]) => !(id in positions))
    .map(([id, [x, y]]) => ({ id, type: "position", position: { x, y } }));
}

/** The drawn nodes brought up to the graph: what is unchanged stays the very same object. */
function follow(
  graph: Graph,
  selection: ReadonlySet<string>,
  before: ReadonlyMap<string, FlowNode>,
  drawn: Map<string, { from: GraphNode | Group | Note; node: FlowNode }>,
): FlowNode[] {
  const nodes: FlowNode[] = [];
  const take = (from: GraphNode | Group | Note, make: () => FlowNode) => {
    const last = before.get(from.id);
    const known = drawn.get(from.id);
    const selected = selection.has(from.id);
    let node: FlowNode;
    if (last && known?.from === from) node = last.selected === selected ? last : { ...last, selected };
    else {
      const made = make();
      node = last ? { ...last, ...made, selected, ...(last.measured && { measured: last.measured }) } : { ...made, selected };
    }
    drawn.set(from.id, { from, node });
    nodes.push(node);
  };
  for (const group of Object.values(graph.groups))
    take(group, () => ({
      id: group.id,
      type: "group",
      position: { x: group.bounding[0], y: group.bounding[1] },
      width: group.bounding[2],
      height: group.bounding[3],
      zIndex: -1,
      data: NO_DATA,
      ariaLabel: `Group ${group.title}`,
    }));
  for (const note of Object.values(graph.notes))
    take(note, () => ({
      id: note.id,
      type: "note",
      position: { x: note.pos[0], y: note.pos[1] },
      width: note.size[0],
      height: note.size[1],
      data: NO_DATA,
      ariaLabel: "Note",
    }));
  for (const node of Object.values(graph.nodes))
    take(node, () => ({
      id: node.id,
      type: "op",
      position: { x: node.pos[0], y: node.pos[1] },
      width: node.size?.[0] ?? NODE_WIDTH,
      data: NO_DATA,
      draggable: !node.pinned,
      domAttributes: { "aria-labelledby": `title-${node.id} about-${node.id}` },
    }));
  return nodes;
}

function edgesOf(graph: Graph, selected: ReadonlySet<string>): FlowEdge[] {
  return Object.entries(graph.links).flatMap(([id, link]) =>
    link.source in graph.nodes && link.target in graph.nodes
      ? [
          {
            id,
            type: "link" as const,
            source: link.source,
            target: link.target,
            sourceHandle: outputHandle(link.output),
            targetHandle: inputHandle(link.input),
            selected: selected.has(id),
            zIndex: 0,
          },
        ]
      : [],
  );
}
