/** What happens once, when the page opens. */

import { call } from "../api/client";
import { listen } from "../api/socket";
import { readDocument, writeDocument } from "../graph/document";
import { toJson } from "../json";
import { activeTab, useEditor } from "../state/editor";
import { useRuns } from "../state/runs";
import { useServer } from "../state/server";
import { CLIENT_ID } from "../state/submit";
import { openSaved, watchPages } from "../state/files";
import { autosave, restoreSession } from "../state/session";
import { openFiles } from "../io/open";
import { middleOfCanvas } from "../panels/middle";
import { useUi } from "../state/ui";

const FIRST_WORKFLOW = "text_to_image";
const LOOK_AFTER = 350;

declare global {
  interface Window {
    /** For the console, and for programs that drive the page. */
    safelight: { document(): string };
  }
}

export async function start(): Promise<void> {
  window.safelight = { document: () => toJson(writeDocument(activeTab(useEditor.getState()).workflow)) };
  listen(CLIENT_ID, (message) => {
    const back = message.type === "open" && useRuns.getState().everConnected;
    useRuns.getState().hear(message);
    if (back) void useServer.getState().loadDefs();
  });
  const [restored] = await Promise.all([restoreSession(), useServer.getState().loadDefs()]);
  autosave();
  watchPages();
  document.addEventListener("paste", pasteFiles);
  // Wherever files are dropped: the browser would leave the page for them.
  window.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  window.addEventListener("drop", dropFiles);
  const opened = await openAsked(restored);
  if (!restored && !opened) await openFirst();
  lookOnEdits();
}

const ASKED = "safelight.asked";

/** The workflow that the address names; a reload does not open it again. */
async function openAsked(restored: boolean): Promise<boolean> {
  const asked = new URLSearchParams(location.search).get("workflow");
  if (asked === null || (restored && sessionStorage.getItem(ASKED) === asked)) return false;
  sessionStorage.setItem(ASKED, asked);
  return openSaved(asked);
}

function dropFiles(event: DragEvent): void {
  const files = [...(event.dataTransfer?.files ?? [])];
  if (event.defaultPrevented || !files.length) return;
  event.preventDefault();
  void openFiles(files, middleOfCanvas());
}

/** Files that are pasted outside of a field are opened. */
function pasteFiles(event: ClipboardEvent): void {
  const files = [...(event.clipboardData?.files ?? [])];
  const field = event.target instanceof Element && event.target.closest("input, textarea, dialog");
  if (event.defaultPrevented || !files.length || field) return;
  event.preventDefault();
  void openFiles(files, middleOfCanvas());
}

async function openFirst(): Promise<void> {
  try {
    useEditor.getState().open(readDocument(await call("GET", `v1/workflows/${FIRST_WORKFLOW}`)));
    requestAnimationFrame(() => setTimeout(focusPrompt, 300));
  } catch {
    useUi.getState().toast("The first workflow could not be loaded; double-click the canvas to begin one.");
  }
}

/** The first prompt is ready to be typed over. */
function focusPrompt(): void {
  const { workflow } = activeTab(useEditor.getState());
  const prompt = Object.values(workflow.inputs).find(({ input }) => input === "text");
  const field = prompt && document.getElementById(`field-${prompt.node}-${prompt.input}`);
  if (field instanceof HTMLTextAreaElement) {
    field.focus({ preventScroll: true });
    field.select();
  }
}

/** Validation and plan follow every edit, and every run that ended. */
function lookOnEdits(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void useServer.getState().look(activeTab(useEditor.getState()).workflow), LOOK_AFTER);
  };
  useEditor.subscribe((state) => {
    const { graph, subgraphs } = activeTab(state).workflow;
    return `${versionOf(graph)} ${versionOf(subgraphs)}`;
  }, look);
  useRuns.subscribe((state) => Object.values(state.runs).filter((run) => run.ended).length, look);
  look();
}

const versions = new WeakMap<object, number>();
let lastVersion = 0;

/** A number that is the same for the same object. */
function versionOf(value: object): number {
  const known = versions.get(value);
  if (known !== undefined) return known;
  versions.set(value, ++lastVersion);
  return lastVersion;
}
