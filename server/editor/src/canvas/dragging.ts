/** What a drag of nodes does when it ends: one step, whether things move, are copied, or go into a link. */

import type { MouseEvent as ReactMouseEvent } from "react";
import { moveAll } from "../graph/groups";
import type { Point } from "../graph/model";
import { activeGraph, useEditor } from "../state/editor";
import { duplicate, insertion, putOnLink } from "./actions";
import { flow } from "./flow";
import { placeOf } from "../graph/groups";
import { useGesture } from "./gesture";
import type { FlowNode } from "./drawing";

type DragEvent = MouseEvent | TouchEvent | ReactMouseEvent;

let copying = false;

export function dragStarted(event: DragEvent, _node: FlowNode, _moved: readonly FlowNode[]): void {
  copying = "altKey" in event && event.altKey;
}

/** A node without links lights up the link under the pointer that it could go into. */
export function dragging(event: DragEvent, node: FlowNode, moved: readonly FlowNode[]): void {
  const over = moved.length === 1 && node.type === "op" && "clientX" in event ? linkUnder(event.clientX, event.clientY, node.id) : undefined;
  if (over !== useGesture.getState().over) useGesture.setState({ over });
}

function linkUnder(x: number, y: number, node: string): string | undefined {
  const edges = document.elementsFromPoint(x, y).flatMap((each) => each.closest<SVGElement>(".react-flow__edge")?.dataset["id"] ?? []);
  return edges.find((link) => insertion(node, link) !== undefined);
}

export function dropped(_event: DragEvent, node: FlowNode, moved: readonly FlowNode[]): void {
  const { over } = useGesture.getState();
  useGesture.setState({ over: undefined });
  const graph = activeGraph(useEditor.getState());
  const positions: Record<string, Point> = {};
  for (const { id, position } of moved) positions[id] = [position.x, position.y];
  if (copying) {
    copying = false;
    const from = placeOf(graph, node.id);
    const to = positions[node.id];
    // The originals go back to where the workflow has them.
    for (const id of Object.keys(positions)) {
      const at = placeOf(graph, id);
      if (at) flow()?.updateNode(id, { position: { x: at[0], y: at[1] } });
    }
    if (from && to) duplicate(Object.keys(positions), [to[0] - from[0], to[1] - from[1]]);
    return;
  }
  useEditor.getState().editGraph(over === undefined ? "Move" : "Insert on link", (each) => {
    const placed = moveAll(each, positions);
    return over === undefined ? placed : putOnLink(placed, node.id, over);
  });
}
