/** The middle of what the canvas shows, for what was added without a place; never quite on top of another node. */

import type { Point } from "../graph/model";
import { activeGraph, useEditor } from "../state/editor";

const STEP = 32;

export function middleOfCanvas(): Point {
  const box = document.querySelector(".canvas")?.getBoundingClientRect();
  const transform = document.querySelector<HTMLElement>(".react-flow__viewport")?.style.transform ?? "";
  const [tx, ty, zoom] = (/translate\(([-\d.e]+)px, ?([-\d.e]+)px\) scale\(([\d.e-]+)\)/.exec(transform)?.slice(1) ?? ["0", "0", "1"]).map(Number);
  let x = Math.round(((box?.width ?? 800) / 2 - tx!) / zoom! - 120);
  let y = Math.round(((box?.height ?? 600) / 3 - ty!) / zoom!);
  const nodes = Object.values(activeGraph(useEditor.getState()).nodes);
  while (nodes.some((node) => Math.abs(node.pos[0] - x) < STEP && Math.abs(node.pos[1] - y) < STEP)) {
    x += STEP;
    y += STEP;
  }
  return [x, y];
}
