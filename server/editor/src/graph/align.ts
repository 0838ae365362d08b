/** Boxes in line, and at even distances. */

import type { Point } from "./model";

export interface Box {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type Alignment = "left" | "right" | "top" | "bottom" | "centre" | "middle";

/** Left, right and centre share an x; top, bottom and middle share a y. */
export function aligned(boxes: readonly Box[], how: Alignment): Record<string, Point> {
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  const place = ({ x, y, width, height }: Box): Point => {
    switch (how) {
      case "left":
        return [left, y];
      case "right":
        return [right - width, y];
      case "centre":
        return [Math.round((left + right - width) / 2), y];
      case "top":
        return [x, top];
      case "bottom":
        return [x, bottom - height];
      case "middle":
        return [x, Math.round((top + bottom - height) / 2)];
    }
  };
  return Object.fromEntries(boxes.map((box) => [box.id, place(box)]));
}

/** The same gap between neighbours; the outermost two stay. */
export function distributed(boxes: readonly Box[], way: "across" | "down"): Record<string, Point> {
  const across = way === "across";
  const start = (box: Box) => (across ? box.x : box.y);
  const size = (box: Box) => (across ? box.width : box.height);
  const sorted = [...boxes].sort((a, b) => start(a) - start(b));
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (!first || !last || sorted.length < 3) return {};
  const room = start(last) + size(last) - start(first) - sorted.reduce((sum, box) => sum + size(box), 0);
  const gap = room / (sorted.length - 1);
  let at = start(first);
  const places: Record<string, Point> = {};
  for (const box of sorted) {
    places[box.id] = across ? [Math.round(at), box.y] : [box.x, Math.round(at)];
    at += size(box) + gap;
  }
  return places;
}
