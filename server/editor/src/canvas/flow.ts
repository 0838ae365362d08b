/** The view on the graph, for actions that are no components: where things are on the screen, and showing them. */

import type { ReactFlowInstance } from "@xyflow/react";
import type { Box } from "../graph/align";
import { NODE_WIDTH, roughHeight } from "../graph/layout";
import { placeOf } from "../graph/groups";
import type { Point } from "../graph/model";
import { activeGraph, useEditor } from "../state/editor";
import type { FlowEdge, FlowNode } from "./drawing";

type Flow = ReactFlowInstance<FlowNode, FlowEdge>;

let instance: Flow | undefined;
let pointer: { readonly x: number; readonly y: number } | undefined;

export function setFlow(next: Flow): void {
  instance = next;
}

export const flow = (): Flow | undefined => instance;

/** Where the pointer is on the canvas, when it is there. */
export function setPointer(at: { x: number; y: number } | undefined): void {
  pointer = at;
}

export function toGraph(x: number, y: number): Point {
  const at = instance?.screenToFlowPosition({ x, y });
  return at ? [at.x, at.y] : [x, y];
}

export function pointerOnGraph(): Point | undefined {
  return pointer && toGraph(pointer.x, pointer.y);
}

/** The middle of the canvas, for what was not asked for at a place. */
export function centre(): { screen: { x: number; y: number }; flow: { x: number; y: number } } {
  const box = document.querySelector(".canvas")?.getBoundingClientRect();
  const x = (box?.left ?? 0) + (box?.width ?? 800) / 2;
  const y = (box?.top ?? 0) + (box?.height ?? 600) / 3;
  const [left, top] = toGraph(x, y);
  return { screen: { x, y }, flow: { x: left, y: top } };
}

/** Under the pointer, or else in the middle. */
export function here(): ReturnType<typeof centre> {
  if (!pointer) return centre();
  const [x, y] = toGraph(pointer.x, pointer.y);
  return { screen: pointer, flow: { x, y } };
}

/** Boxes of nodes, notes and groups, as far as they were measured. */
export function boxesOf(ids: Iterable<string>): Box[] {
  const graph = activeGraph(useEditor.getState());
  return [...ids].flatMap((id) => {
    const at = placeOf(graph, id);
    if (!at) return [];
    const [group, note, node] = [graph.groups[id], graph.notes[id], graph.nodes[id]];
    const measured = instance?.getInternalNode(id)?.measured;
    const width = group?.bounding[2] ?? note?.size[0] ?? measured?.width ?? node?.size?.[0] ?? NODE_WIDTH;
    const height = group?.bounding[3] ?? note?.size[1] ?? measured?.height ?? (node ? roughHeight(node, 2) : 160);
    return [{ id, x: at[0], y: at[1], width, height }];
  });
}

export const duration = (): number => (window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200);

export function fit(ids: readonly string[] = []): void {
  void instance?.fitView({ padding: 0.15, maxZoom: 1.2, duration: duration(), ...(ids.length && { nodes: ids.map((id) => ({ id })) }) });
}

export const elementOf = (id: string): HTMLElement | null => document.querySelector(`.react-flow__node[data-id="${CSS.escape(id)}"]`);

/** Bring a node into view when it is not, and then do something with its element. */
export function whenShown(id: string, then: (element: HTMLElement) => void): void {
  const view = document.querySelector(".canvas")?.getBoundingClientRect();
  const here = elementOf(id);
  const box = here?.getBoundingClientRect();
  if (here && box && view && box.right > view.left + 40 && box.left < view.right - 40 && box.bottom > view.top + 40 && box.top < view.bottom - 40) {
    then(here);
    return;
  }
  const [at] = boxesOf([id]);
  if (!at || !instance) return;
  void instance.setCenter(at.x + at.width / 2, at.y + at.height / 2, { zoom: Math.max(instance.getZoom(), 0.6), duration: 0 });
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const element = elementOf(id);
    if (element) then(element);
  }));
}

export function focusNode(id: string): void {
  useEditor.getState().select([id]);
  whenShown(id, (element) => element.focus({ preventScroll: true }));
}
