/** A link in the colour of its type, led through its reroute points. */

import { BaseEdge, EdgeLabelRenderer, getBezierPath, useReactFlow, type EdgeProps } from "@xyflow/react";
import { memo, useMemo, useState, type PointerEvent } from "react";
import { colorOf } from "../graph/types";
import type { Point, Reroute } from "../graph/model";
import { useEditor, useGraph } from "../state/editor";
import { socketType } from "./Canvas";
import type { FlowEdge } from "./drawing";

export const LinkEdge = memo(function LinkEdge(props: EdgeProps<FlowEdge>) {
  const { id, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, selected, source, sourceHandleId } = props;
  const all = useGraph((graph) => graph.reroutes);
  const reroutes = useMemo(() => Object.values(all).filter((each) => each.link === id), [all, id]);
  const color = colorOf(socketType(source, sourceHandleId ?? ""));
  const path = useMemo(() => {
    const stops: Point[] = [[sourceX, sourceY], ...reroutes.map((each) => each.pos), [targetX, targetY]];
    return stops
      .slice(1)
      .map(([x, y], index) => {
        const [fromX, fromY] = stops[index]!;
        return getBezierPath({ sourceX: fromX, sourceY: fromY, targetX: x, targetY: y, sourcePosition, targetPosition })[0];
      })
      .join(" ");
  }, [reroutes, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition]);
  return (
    <>
      <BaseEdge id={id} path={path} interactionWidth={18} style={{ stroke: color, strokeWidth: selected ? 3.5 : 2.2 }} />
      {reroutes.length ? (
        <EdgeLabelRenderer>
          {reroutes.map((each) => (
            <Dot key={each.id} reroute={each} color={color} />
          ))}
        </EdgeLabelRenderer>
      ) : null}
    </>
  );
});

/** A point that can be dragged, and goes by a double click. */
function Dot({ reroute, color }: { reroute: Reroute; color: string }) {
  const flow = useReactFlow();
  const [held, setHeld] = useState<Point>();
  const at = held ?? reroute.pos;
  const place = (pos: Point) =>
    useEditor.getState().editGraph("Move point", (graph) => ({
      ...graph,
      reroutes: { ...graph.reroutes, [reroute.id]: { ...reroute, pos } },
    }));
  const follow = (event: PointerEvent): Point => {
    const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    return [x, y];
  };
  return (
    <button
      type="button"
      className="reroute nodrag nopan"
      aria-label="Point of a link; double click takes it away"
      style={{ transform: `translate(-50%, -50%) translate(${at[0]}px, ${at[1]}px)`, background: color }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setHeld(reroute.pos);
      }}
      onPointerMove={(event) => held && setHeld(follow(event))}
      onPointerUp={(event) => {
        if (held) place(follow(event));
        setHeld(undefined);
      }}
      onDoubleClick={() =>
        useEditor.getState().editGraph("Remove point", (graph) => {
          const { [reroute.id]: _, ...reroutes } = graph.reroutes;
          return { ...graph, reroutes };
        })
      }
    />
  );
}
