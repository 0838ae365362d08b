/** A graph as a small drawing: boxes where the nodes are, and the links between them. */

import { NODE_WIDTH, roughHeight } from "../graph/layout";
import { linksByTarget, type Graph, type GraphNode } from "../graph/model";
import { colorOf } from "../graph/types";

const MARGIN = 16;
/** Of larger graphs the links would be one grey patch. */
const MOST_LINKS = 2000;

interface Colors {
  readonly page: string;
  readonly node: string;
  readonly line: string;
  readonly head: string;
}

const DARK: Colors = { page: "#15161a", node: "#2a2d36", line: "#5a6070", head: "#3a3f4c" };
const LIGHT: Colors = { page: "#f4f5f8", node: "#ffffff", line: "#8a93a6", head: "#dfe3ec" };

/** Draws into a canvas, whose size it keeps. */
export function drawGraph(canvas: HTMLCanvasElement, graph: Graph, theme: "dark" | "light" = "dark"): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const colors = theme === "light" ? LIGHT : DARK;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = colors.page;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const links = linksByTarget(graph);
  const boxes = new Map(Object.values(graph.nodes).map((node) => [node.id, boxOf(node, links.get(node.id)?.length ?? 0)]));
  if (!boxes.size) return;
  const all = [...boxes.values()];
  const left = all.reduce((least, box) => Math.min(least, box.x), Infinity);
  const top = all.reduce((least, box) => Math.min(least, box.y), Infinity);
  const right = all.reduce((most, box) => Math.max(most, box.x + box.w), -Infinity);
  const bottom = all.reduce((most, box) => Math.max(most, box.y + box.h), -Infinity);
  const scale = Math.min((canvas.width - 2 * MARGIN) / (right - left), (canvas.height - 2 * MARGIN) / (bottom - top), 1);
  const x = (canvas.width - (right - left) * scale) / 2 - left * scale;
  const y = (canvas.height - (bottom - top) * scale) / 2 - top * scale;
  pen.setTransform(scale, 0, 0, scale, x, y);
  pen.lineWidth = 1.5 / scale;
  for (const link of Object.values(graph.links).slice(0, MOST_LINKS)) {
    const from = boxes.get(link.source);
    const to = boxes.get(link.target);
    if (!from || !to) continue;
    const [x1, y1, x2, y2] = [from.x + from.w, from.y + 40, to.x, to.y + 40];
    const bend = Math.max(40, Math.abs(x2 - x1) / 2);
    pen.strokeStyle = colorOf(link.input.toUpperCase());
    pen.globalAlpha = 0.7;
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
    pen.stroke();
  }
  pen.globalAlpha = 1;
  for (const [id, { x: boxX, y: boxY, w, h }] of boxes) {
    pen.fillStyle = colors.node;
    pen.strokeStyle = colors.line;
    pen.beginPath();
    pen.roundRect(boxX, boxY, w, h, 12);
    pen.fill();
    pen.stroke();
    pen.fillStyle = graph.nodes[id]?.color ?? colors.head;
    pen.fillRect(boxX + 2, boxY + 2, w - 4, 26);
  }
}

function boxOf(node: GraphNode, links: number): { x: number; y: number; w: number; h: number } {
  return { x: node.pos[0], y: node.pos[1], w: node.size?.[0] ?? NODE_WIDTH, h: node.collapsed ? 30 : roughHeight(node, links) };
}

/** A PNG of a graph. */
export async function graphPicture(graph: Graph, width = 768, height = 432): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  drawGraph(canvas, graph);
  return blobOf(canvas);
}

export function blobOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture could not be drawn."))), "image/png");
  });
}
