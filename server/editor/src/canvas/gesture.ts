/** What is going on under the pointer or the keys, and is no part of the workflow. */

import { create } from "zustand";
import { downstream, upstream } from "../graph/ops";
import { compatible } from "../graph/types";
import { activeGraph, useEditor } from "../state/editor";
import { socketType } from "./sockets";

export type Side = "source" | "target";

/** The socket that a link is being drawn from. */
export interface Dragged {
  readonly node: string;
  readonly handle: string;
  readonly side: Side;
  readonly type: string;
  /** Nodes that would close a circle. */
  readonly barred: ReadonlySet<string>;
}

interface Gesture {
  readonly dragged?: Dragged | undefined;
  /** The link is led by keys. */
  readonly byKeys: boolean;
  /** The link that was taken off its input. */
  readonly picked?: string | undefined;
  readonly hovered?: string | undefined;
  /** The link that a dragged node would go into. */
  readonly over?: string | undefined;
  readonly links: ReadonlySet<string>;
  /** The node whose title is being written. */
  readonly renaming?: string | undefined;
  /** For screen readers. */
  readonly said: string;
}

export const useGesture = create<Gesture>()(() => ({ links: new Set<string>(), byKeys: false, said: "" }));

export function begin(node: string, handle: string, side: Side, byKeys = false): Dragged {
  const graph = activeGraph(useEditor.getState());
  const barred = side === "source" ? upstream(graph, node) : downstream(graph, node);
  const dragged: Dragged = { node, handle, side, type: socketType(node, handle), barred };
  useGesture.setState({ dragged, byKeys });
  return dragged;
}

export function end(): void {
  useGesture.setState({ dragged: undefined, picked: undefined, byKeys: false });
}

/** Whether a socket would take the link that is being drawn; undefined while there is none, and for its start. */
export function fitness(dragged: Dragged | undefined, node: string, handle: string, side: Side, type: string): "yes" | "no" | undefined {
  if (!dragged || (dragged.node === node && dragged.handle === handle)) return undefined;
  if (side === dragged.side || dragged.barred.has(node)) return "no";
  const [from, to] = side === "target" ? [dragged.type, type] : [type, dragged.type];
  return compatible(from, to) ? "yes" : "no";
}

export function say(said: string): void {
  useGesture.setState({ said });
}
