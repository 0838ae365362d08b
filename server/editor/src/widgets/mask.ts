/** A mask as pixels: 0 is kept, 255 is to be changed. Strokes are data, so that the last can be taken back. */

/** What is painted is seen in this colour; its alpha alone is the mask. */
export const PAINT = "#ff3b30";

export interface Stroke {
  readonly erase: boolean;
  readonly size: number;
  readonly points: readonly (readonly [number, number])[];
}

export type Step = { readonly kind: "stroke"; readonly stroke: Stroke } | { readonly kind: "invert" } | { readonly kind: "clear" } | { readonly kind: "fill" };

export function drawStroke(pen: CanvasRenderingContext2D, { erase, size, points }: Stroke): void {
  const [first, ...rest] = points;
  if (!first) return;
  pen.save();
  pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
  pen.strokeStyle = pen.fillStyle = PAINT;
  pen.lineWidth = size;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(first[0], first[1]);
  if (rest.length) for (const [x, y] of rest) pen.lineTo(x, y);
  else pen.lineTo(first[0] + 0.01, first[1]);
  pen.stroke();
  pen.restore();
}

/** Draw one step onto a canvas whose alpha is the mask. */
export function apply(pen: CanvasRenderingContext2D, step: Step): void {
  const { width, height } = pen.canvas;
  switch (step.kind) {
    case "stroke":
      drawStroke(pen, step.stroke);
      break;
    case "clear":
      pen.clearRect(0, 0, width, height);
      break;
    case "fill":
      pen.fillStyle = PAINT;
      pen.fillRect(0, 0, width, height);
      break;
    case "invert":
      pen.save();
      pen.globalCompositeOperation = "xor";
      pen.fillStyle = PAINT;
      pen.fillRect(0, 0, width, height);
      pen.restore();
  }
}

/** What is left when the last step is taken back: those since the last one that covers everything. */
export function needed(steps: readonly Step[]): readonly Step[] {
  const from = steps.findLastIndex((step) => step.kind === "clear" || step.kind === "fill");
  return from < 0 ? steps : steps.slice(from);
}

/** A place as nodes write it, `folder/name.png [output]`, as the server's parts. */
export function placeOfPicture(value: string): { filename: string; subfolder: string; type: string } | undefined {
  const parts = /^(?:(.*)\/)?([^/]+?)(?: \[(input|output|temp)\])?$/.exec(value.trim());
  return parts ? { filename: parts[2]!, subfolder: parts[1] ?? "", type: parts[3] ?? "input" } : undefined;
}
