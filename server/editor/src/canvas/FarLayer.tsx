/** From far away nodes are coloured boxes and links are lines on one canvas: a thousand of them cost one drawing. */

import { useStore, type ReactFlowState } from "@xyflow/react";
import { useEffect, useMemo, useRef } from "react";
import { defOf } from "../api/nodeDefs";
import { NODE_WIDTH, roughHeight } from "../graph/layout";
import { colorOf } from "../graph/types";
import { useGraph, useTab } from "../state/editor";
import { useRuns } from "../state/runs";
import { useServer } from "../state/server";

const place = (state: ReactFlowState) => ({ transform: state.transform, width: state.width, height: state.height, measured: state.nodeLookup });
const same = (a: ReturnType<typeof place>, b: ReturnType<typeof place>) =>
  a.transform === b.transform && a.width === b.width && a.height === b.height;

/** Below its top, where the links of a node end. */
const SOCKETS = 48;
/** Lines are thinned to this many pixels, so that a thousand of them are no carpet. */
const LINE = 1.2;

export function FarLayer() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { transform, width, height, measured } = useStore(place, same);
  const nodes = useGraph((graph) => graph.nodes);
  const colors = useLinkColors();
  const selection = useTab((tab) => tab.selection);
  const tab = useTab((each) => each.id);
  const states = useRuns((state) => state.runs[state.shown[tab] ?? ""]?.nodes);

  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen) return;
    const scale = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (element.width !== wide) element.width = wide;
    if (element.height !== high) element.height = high;
    const style = getComputedStyle(element);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const palette = { node: color("--node"), line: color("--line"), accent: color("--accent"), good: color("--good"), bad: color("--bad") };
    const [x, y, zoom] = transform;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, wide, high);
    pen.setTransform(zoom * scale, 0, 0, zoom * scale, x * scale, y * scale);
    const boxOf = (id: string) => {
      const node = nodes[id];
      if (!node) return undefined;
      const size = measured.get(id)?.measured;
      return { left: node.pos[0], top: node.pos[1], wide: size?.width ?? node.size?.[0] ?? NODE_WIDTH, high: size?.height ?? roughHeight(node, 2) };
    };
    const seen = (left: number, top: number, right: number, bottom: number) =>
      right * zoom + x > 0 && bottom * zoom + y > 0 && left * zoom + x < width && top * zoom + y < height;

    pen.lineWidth = LINE / zoom;
    for (const [shade, links] of colors) {
      pen.strokeStyle = shade;
      pen.beginPath();
      for (const [source, target] of links) {
        const from = boxOf(source);
        const to = boxOf(target);
        if (!from || !to) continue;
        const [startX, startY, endX, endY] = [from.left + from.wide, from.top + Math.min(SOCKETS, from.high / 2), to.left, to.top + Math.min(SOCKETS, to.high / 2)];
        if (!seen(Math.min(startX, endX), Math.min(startY, endY), Math.max(startX, endX), Math.max(startY, endY))) continue;
        const bend = Math.max(40, Math.abs(endX - startX) / 2);
        pen.moveTo(startX, startY);
        pen.bezierCurveTo(startX + bend, startY, endX - bend, endY, endX, endY);
      }
      pen.stroke();
    }

    pen.lineWidth = 2 / zoom;
    for (const node of Object.values(nodes)) {
      const box = boxOf(node.id)!;
      if (!seen(box.left, box.top, box.left + box.wide, box.top + box.high)) continue;
      const state = states?.[node.id]?.state;
      pen.fillStyle = state === "running" ? palette.accent : state === "done" ? palette.good : state === "error" ? palette.bad : (node.color ?? palette.node);
      pen.strokeStyle = selection.has(node.id) ? palette.accent : palette.line;
      pen.beginPath();
      pen.roundRect(box.left, box.top, box.wide, box.high, 12);
      pen.fill();
      pen.stroke();
    }
  }, [transform, width, height, nodes, colors, selection, states, measured]);

  return <canvas ref={canvas} className="far-layer" aria-hidden style={{ width, height }} />;
}

/** The links of each colour, as pairs of nodes. */
function useLinkColors(): ReadonlyMap<string, readonly (readonly [string, string])[]> {
  const graph = useGraph((each) => each);
  const workflow = useTab((each) => each.workflow);
  const defs = useServer((state) => state.defs);
  const { nodes, links } = graph;
  const { subgraphs } = workflow;
  return useMemo(() => {
    const found = new Map<string, [string, string][]>();
    for (const link of Object.values(links)) {
      const source = nodes[link.source];
      const shade = colorOf((source && defOf(source, defs, workflow)?.outputs[link.output]?.type) ?? "*");
      const those = found.get(shade);
      if (those) those.push([link.source, link.target]);
      else found.set(shade, [[link.source, link.target]]);
    }
    return found;
    // Of the workflow only its sub-graphs matter here: where one looks changes with every frame.
  }, [nodes, links, defs, subgraphs]);
}
