/** From far away nodes are coloured boxes on one canvas: a thousand of them cost one drawing. */

import { useStore, type ReactFlowState } from "@xyflow/react";
import { useEffect, useRef } from "react";
import { NODE_WIDTH, roughHeight } from "../graph/layout";
import { useGraph, useTab } from "../state/editor";
import { useRuns } from "../state/runs";

const place = (state: ReactFlowState) => ({ transform: state.transform, width: state.width, height: state.height, measured: state.nodeLookup });
const same = (a: ReturnType<typeof place>, b: ReturnType<typeof place>) =>
  a.transform === b.transform && a.width === b.width && a.height === b.height;

export function FarLayer() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { transform, width, height, measured } = useStore(place, same);
  const nodes = useGraph((graph) => graph.nodes);
  const selection = useTab((tab) => tab.selection);
  const tab = useTab((each) => each.id);
  const states = useRuns((state) => state.runs[state.shown[tab] ?? ""]?.nodes);

  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen) return;
    const scale = window.devicePixelRatio || 1;
    element.width = width * scale;
    element.height = height * scale;
    const style = getComputedStyle(element);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const palette = { node: color("--node"), line: color("--line"), accent: color("--accent"), good: color("--good"), bad: color("--bad") };
    const [x, y, zoom] = transform;
    pen.setTransform(zoom * scale, 0, 0, zoom * scale, x * scale, y * scale);
    pen.lineWidth = 2 / zoom;
    for (const node of Object.values(nodes)) {
      const internal = measured.get(node.id);
      const wide = internal?.measured.width ?? node.size?.[0] ?? NODE_WIDTH;
      const high = internal?.measured.height ?? roughHeight(node, 2);
      const left = node.pos[0] * zoom + x;
      const top = node.pos[1] * zoom + y;
      if (left > width || top > height || left + wide * zoom < 0 || top + high * zoom < 0) continue;
      const state = states?.[node.id]?.state;
      pen.fillStyle = state === "running" ? palette.accent : state === "done" ? palette.good : state === "error" ? palette.bad : (node.color ?? palette.node);
      pen.strokeStyle = selection.has(node.id) ? palette.accent : palette.line;
      pen.beginPath();
      pen.roundRect(node.pos[0], node.pos[1], wide, high, 12);
      pen.fill();
      pen.stroke();
    }
  }, [transform, width, height, nodes, selection, states, measured]);

  return <canvas ref={canvas} className="far-layer" aria-hidden style={{ width, height }} />;
}
