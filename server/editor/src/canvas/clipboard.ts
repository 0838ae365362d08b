/** Copy, cut and paste through the system's clipboard, as the JSON text of a small workflow: across tabs and programs. */

import { DocumentError } from "../graph/document";
import { clippingOf, insertClipping, isEmpty, readClipping, readText, writeClipping } from "../graph/clipping";
import type { Point, Workflow } from "../graph/model";
import { openDropped, readAnyForm, tellStrangers } from "../io/open";
import { useEditor } from "../state/editor";
import { useUi } from "../state/ui";
import { isTyping } from "../app/keys";
import { ApiError } from "../api/client";
import { deleteSelection, selected, tabNow } from "./actions";
import { centre, pointerOnGraph } from "./flow";

/** What was copied here last, for browsers that keep their clipboard to themselves. */
let last = "";
let pastes = 0;

const GRID = 8;

function copied(): string | undefined {
  const { workflow, path } = tabNow();
  const clipping = clippingOf(workflow, path, selected());
  if (isEmpty(clipping)) return undefined;
  pastes = 0;
  last = writeClipping(clipping);
  return last;
}

/** Copy by a menu or the palette. */
export function copy(): boolean {
  const text = copied();
  if (text !== undefined) void navigator.clipboard?.writeText(text).catch(() => undefined);
  return text !== undefined;
}

export function cut(): void {
  if (copy()) deleteSelection();
}

/** Paste by a menu or the palette, at a place. */
export async function paste(outside: boolean, at?: Point): Promise<void> {
  let text = last;
  try {
    text = (await navigator.clipboard.readText()) || last;
  } catch {
    // not allowed, or no such clipboard: what was copied here is pasted
  }
  await pasteText(text, outside, at);
}

async function pasteText(text: string, outside: boolean, at?: Point): Promise<void> {
  const value = readText(text);
  if (value === undefined) return;
  try {
    const clipping = readClipping(value);
    if (clipping) {
      put(clipping, outside, at);
      return;
    }
    const workflow = await readAnyForm(value, "Pasted workflow");
    useEditor.getState().open(workflow);
    tellStrangers(workflow);
  } catch (error) {
    useUi.getState().toast(error instanceof DocumentError || error instanceof ApiError ? error.message : "What was pasted is no workflow.", "error");
  }
}

function put(clipping: Workflow, outside: boolean, at?: Point): void {
  const { path } = tabNow();
  const places: Point[] = [
    ...[...Object.values(clipping.graph.nodes), ...Object.values(clipping.graph.notes)].map((each) => each.pos),
    ...Object.values(clipping.graph.groups).map(({ bounding }): Point => [bounding[0], bounding[1]]),
  ];
  const corner: Point = [Math.min(...places.map(([x]) => x)), Math.min(...places.map(([, y]) => y))];
  const { x, y } = centre().flow;
  pastes += 1;
  const to = at ?? pointerOnGraph() ?? [x - 120 + 32 * pastes, y - 120 + 32 * pastes];
  const offset: Point = [snapped(to[0] - corner[0]), snapped(to[1] - corner[1])];
  let ids: readonly string[] = [];
  let refused: readonly string[] = [];
  useEditor.getState().edit("Paste", (workflow) => {
    const pasted = insertClipping(workflow, path, clipping, offset, { outside });
    ({ ids, refused } = pasted);
    return ids.length ? pasted.workflow : workflow;
  });
  useEditor.getState().select(ids);
  if (refused.length) useUi.getState().toast(`${refused.join(", ")}: a sub-graph cannot hold itself.`);
}

const snapped = (value: number): number => Math.round(value / GRID) * GRID;

/** The keys of the system: their events carry the clipboard without asking for leave. */
export function listenToClipboard(): () => void {
  let linked = false;
  let fallback: ReturnType<typeof setTimeout> | undefined;
  const busy = (event: Event) => isTyping(event.target) || Boolean(document.querySelector("dialog[open]"));
  const onCopy = (event: ClipboardEvent) => {
    if (busy(event) || getSelection()?.isCollapsed === false) return;
    const text = copied();
    if (text === undefined) return;
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    if (event.type === "cut") deleteSelection();
  };
  const onPaste = (event: ClipboardEvent) => {
    clearTimeout(fallback);
    if (event.defaultPrevented || busy(event) || !event.clipboardData) return;
    event.preventDefault();
    if (event.clipboardData.files.length) void openDropped(event.clipboardData, pointerOnGraph() ?? [centre().flow.x, centre().flow.y]);
    else void pasteText(event.clipboardData.getData("text/plain"), linked);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key.toLowerCase() !== "v" || !(event.ctrlKey || event.metaKey) || busy(event)) return;
    linked = event.shiftKey;
    // Some browsers tell nobody of a paste with Shift.
    if (linked) fallback = setTimeout(() => void pasteText(last, true), 120);
  };
  document.addEventListener("copy", onCopy);
  document.addEventListener("cut", onCopy);
  document.addEventListener("paste", onPaste);
  document.addEventListener("keydown", onKeyDown);
  return () => {
    document.removeEventListener("copy", onCopy);
    document.removeEventListener("cut", onCopy);
    document.removeEventListener("paste", onPaste);
    document.removeEventListener("keydown", onKeyDown);
  };
}
