/** A link in the colour of its type, led through its points; under the pointer it offers to take a node in. */

import { BaseEdge, EdgeLabelRenderer, getBezierPath, useReactFlow, type EdgeProps } from "@xyflow/react";
import { memo, useMemo, useState, type PointerEvent } from "react";
import { defOf } from "../api/nodeDefs";
import { moveReroute, removeReroute } from "../graph/ops";
import { colorOf } from "../graph/types";
import type { Point, Reroute } from "../graph/model";
import { useEditor, useGraph, useTab } from "../state/editor";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import { hover } from "./Canvas";
import type { FlowEdge } from "./drawing";
import { useGesture } from "./gesture";
import { outputOf } from "./handles";

export const LinkEdge = memo(function LinkEdge(props: EdgeProps<FlowEdge>) {
  const { id, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, selected, source, target, sourceHandleId } = props;
  const all = useGraph((graph) => graph.reroutes);
  const reroutes = useMemo(() => Object.values(all).filter((each) => each.link === id), [all, id]);
  const color = useLinkColor(source, outputOf(sourceHandleId) ?? 0);
  const look = useGesture((state) => (state.picked === id ? "picked" : state.over === id ? "over" : state.hovered === id ? "hovered" : ""));
  const near = useTab((tab) => tab.selection.has(source) || tab.selection.has(target));
  const [held, setHeld] = useState<{ id: string; pos: Point }>();
  const { path, middle } = useMemo(() => {
    const inner = reroutes.map((each) => (each.id === held?.id ? held.pos : each.pos));
    const stops: Point[] = [[sourceX, sourceY], ...inner, [targetX, targetY]];
    const parts = stops.slice(1).map(([x, y], index) => {
      const [fromX, fromY] = stops[index]!;
      return getBezierPath({ sourceX: fromX, sourceY: fromY, targetX: x, targetY: y, sourcePosition, targetPosition });
    });
    const [, x, y] = parts[Math.floor((parts.length - 1) / 2)]!;
    return { path: parts.map((part) => part[0]).join(" "), middle: [x, y] as const };
  }, [reroutes, held, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition]);
  const stroke = `color-mix(in oklab, ${color} var(--type-share), #000)`;
  const lit = selected || look === "hovered" || look === "over";
  return (
    <>
      {lit ? <path d={path} className="link-glow" style={{ stroke }} /> : null}
      <BaseEdge id={id} path={path} interactionWidth={18} className="link" data-look={look || undefined} data-near={near || undefined} style={{ stroke, strokeWidth: lit ? 3.2 : near ? 2.6 : 2 }} />
      {reroutes.length || look === "hovered" || selected ? (
        <EdgeLabelRenderer>
          {look === "hovered" || selected ? <Insert link={id} at={reroutes.length % 2 ? [middle[0], middle[1] - 26] : middle} /> : null}
          {reroutes.map((each) => (
            <Dot key={each.id} reroute={each} held={held?.id === each.id ? held.pos : undefined} hold={(pos) => setHeld(pos && { id: each.id, pos })} color={stroke} />
          ))}
        </EdgeLabelRenderer>
      ) : null}
    </>
  );
});

function useLinkColor(source: string, output: number): string {
  const node = useGraph((graph) => graph.nodes[source]);
  const workflow = useTab((tab) => (node?.classType.startsWith("subgraph:") ? tab.workflow : undefined));
  const defs = useServer((state) => state.defs);
  return useMemo(() => {
    const def = node && (workflow ? defOf(node, defs, workflow) : defs[node.classType]);
    return colorOf(def?.outputs[output]?.type ?? "*");
  }, [node, workflow, defs, output]);
}

/** Opens the search for what fits in between. */
function Insert({ link, at }: { link: string; at: readonly [number, number] }) {
  const flow = useReactFlow();
  return (
    <button
      type="button"
      tabIndex={-1}
      className="link-insert nodrag nopan"
      aria-label="Insert a node here"
      title="Insert a node here"
      style={{ transform: `translate(-50%, -50%) translate(${at[0]}px, ${at[1]}px)` }}
      onPointerEnter={() => hover(link)}
      onPointerLeave={() => hover(undefined)}
      onClick={() => useUi.getState().set({ search: { screen: flow.flowToScreenPosition({ x: at[0], y: at[1] }), flow: { x: at[0], y: at[1] }, between: link } })}
    >
      <Icon name="plus" size={12} />
    </button>
  );
}

/** A point that can be dragged, and goes by a double click or Delete. */
function Dot({ reroute, color, held, hold }: { reroute: Reroute; color: string; held: Point | undefined; hold: (pos: Point | undefined) => void }) {
  const flow = useReactFlow();
  const at = held ?? reroute.pos;
  const follow = (event: PointerEvent): Point => {
    const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    return [Math.round(x), Math.round(y)];
  };
  const take = () => useEditor.getState().editGraph("Remove point", (graph) => removeReroute(graph, reroute.id));
  const move = ([x, y]: Point, merge?: string) => useEditor.getState().editGraph("Move point", (graph) => moveReroute(graph, reroute.id, [x, y]), merge);
  return (
    <button
      type="button"
      className="reroute nodrag nopan"
      aria-label="Point of a link: arrows move it, Delete takes it away"
      title="Drag to move, double click to take away"
      style={{ transform: `translate(-50%, -50%) translate(${at[0]}px, ${at[1]}px)`, background: color }}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        hold(reroute.pos);
      }}
      onPointerMove={(event) => held && hold(follow(event))}
      onPointerUp={() => {
        if (held && held !== reroute.pos) move(held);
        hold(undefined);
      }}
      onPointerCancel={() => hold(undefined)}
      onDoubleClick={(event) => {
        event.stopPropagation();
        take();
      }}
      onKeyDown={(event) => {
        const step = ({ ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] } as Record<string, Point>)[event.key];
        if (step) move([reroute.pos[0] + step[0], reroute.pos[1] + step[1]], `point ${reroute.id}`);
        else if (event.key === "Delete" || event.key === "Backspace") take();
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
