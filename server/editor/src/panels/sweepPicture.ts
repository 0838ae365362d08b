/** The grid of a sweep as one PNG, with its labels. */

import { viewUrl } from "../api/client";
import type { ShownFile } from "../state/runs";
import { shownValue, type Sweep } from "../state/sweep";
import { useUi } from "../state/ui";

const GAP = 8;
const LABEL = 34;
const LARGEST_SIDE = 12_000;
const LEAST_CELL = 96;
const MOST_COLUMNS = 8;

export async function saveGrid(sweep: Sweep, imageOf: (job: string) => ShownFile | undefined): Promise<void> {
  try {
    const content = await drawn(sweep, imageOf);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = `${sweep.title.replace(/[^\p{L}\p{N}]+/gu, "-") || "sweep"}-sweep.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch {
    useUi.getState().toast("The grid could not be drawn: a picture is missing, or it is too large.", "error");
  }
}

async function drawn(sweep: Sweep, imageOf: (job: string) => ShownFile | undefined): Promise<Blob> {
  const [across, down] = sweep.axes;
  // A single axis is wrapped like text, each picture under its label.
  const columns = down ? (across?.values.length ?? 1) : Math.min(sweep.cells.length, MOST_COLUMNS);
  const rows = down ? down.values.length : Math.ceil(sweep.cells.length / columns);
  const images = await Promise.all(
    sweep.cells.map(async (cell) => {
      const file = cell.job === undefined ? undefined : imageOf(cell.job);
      return file && createImageBitmap(await (await fetch(viewUrl(file))).blob());
    }),
  );
  const natural = (side: "width" | "height") => Math.max(LEAST_CELL, ...images.map((image) => image?.[side] ?? 0));
  const shrink = Math.min(1, LARGEST_SIDE / (columns * (natural("width") + GAP)), LARGEST_SIDE / (rows * (natural("height") + GAP)));
  const wide = Math.round(natural("width") * shrink);
  const high = Math.round(natural("height") * shrink);
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("no canvas");
  const font = `${Math.max(12, Math.min(18, Math.round(wide / 12)))}px system-ui, sans-serif`;
  pen.font = font;
  const side = down ? Math.max(...down.values.map((value) => Math.ceil(pen.measureText(`${down.input} ${shownValue(value)}`).width))) + 2 * GAP : GAP;
  canvas.width = side + columns * (wide + GAP);
  const line = down ? high + GAP : high + GAP + LABEL;
  canvas.height = down ? LABEL + rows * line : rows * line;
  const placed = sweep.cells.map(({ x, y }) => ({
    left: side + (down ? x : x % columns) * (wide + GAP),
    top: LABEL + (down ? y : Math.floor(x / columns)) * line,
  }));
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.font = font;
  pen.fillStyle = "#1b1e25";
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  across?.values.forEach((value, x) => {
    const { left, top } = placed[x]!; // the first row of a grid, or the only one there is
    pen.fillText(`${across.input} ${shownValue(value)}`, left + wide / 2, top - LABEL / 2, wide);
  });
  pen.textAlign = "right";
  down?.values.forEach((value, y) => pen.fillText(`${down.input} ${shownValue(value)}`, side - GAP, LABEL + y * line + high / 2));
  for (const [index, { left, top }] of placed.entries()) {
    const image = images[index];
    if (!image) {
      pen.strokeStyle = "#c9ced9";
      pen.strokeRect(left + 0.5, top + 0.5, wide - 1, high - 1);
      continue;
    }
    const scale = Math.min(wide / image.width, high / image.height);
    pen.drawImage(image, left + (wide - image.width * scale) / 2, top + (high - image.height * scale) / 2, image.width * scale, image.height * scale);
  }
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("too large"))), "image/png"));
}
