/** Every action once: its name, its key, whether it can be done, and what it does. */

import { activeGraph, activeTab, useEditor } from "../state/editor";
import { clip, moveNodes, paste, putGroup, putNote, remove, setMode, type Clipping } from "../graph/ops";
import type { Mode, Point } from "../graph/model";
import { tidy } from "../graph/tidy";
import { interrupt, submit } from "../state/submit";
import { useUi } from "../state/ui";
import { FILE_COMMANDS } from "./fileCommands";
import { RUN_COMMANDS } from "./runCommands";

export interface Command {
  readonly id: string;
  readonly title: string;
  /** `mod` is Ctrl, or Cmd on a Mac. */
  readonly keys?: readonly string[];
  /** It works while somebody types, too. */
  readonly whileTyping?: boolean;
  run(): void;
}

let clipboard: Clipping | undefined;
let pastes = 0;

const editor = () => useEditor.getState();
const tab = () => activeTab(editor());
const selected = () => [...tab().selection];

function toggleMode(mode: Mode, label: string): void {
  const graph = activeGraph(editor());
  const ids = selected().filter((id) => id in graph.nodes);
  const on = ids.every((id) => graph.nodes[id]?.mode === mode);
  if (ids.length) editor().editGraph(label, (each) => setMode(each, ids, on ? undefined : mode));
}

function copy(): void {
  const clipping = clip(activeGraph(editor()), selected());
  if (!clipping.nodes.length) return;
  clipboard = clipping;
  pastes = 0;
}

function pasteAgain(outside: boolean): void {
  if (!clipboard) return;
  const clipping = clipboard;
  pastes += 1;
  const offset: Point = [32 * pastes, 32 * pastes];
  let ids: string[] = [];
  editor().editGraph("Paste", (graph) => {
    const pasted = paste(graph, clipping, offset, { outside });
    ids = pasted.ids;
    return pasted.graph;
  });
  editor().select(ids);
}

function group(): void {
  const graph = activeGraph(editor());
  const nodes = selected().flatMap((id) => graph.nodes[id] ?? []);
  if (!nodes.length) return;
  const left = Math.min(...nodes.map((node) => node.pos[0])) - 20;
  const top = Math.min(...nodes.map((node) => node.pos[1])) - 50;
  const right = Math.max(...nodes.map((node) => node.pos[0] + (node.size?.[0] ?? 260))) + 20;
  const bottom = Math.max(...nodes.map((node) => node.pos[1] + heightOf(node.id))) + 20;
  const id = `group-${crypto.randomUUID().slice(0, 8)}`;
  editor().editGraph("Group", (each) =>
    putGroup(each, { id, title: "Group", bounding: [left, top, right - left, bottom - top] }),
  );
}

function heightOf(id: string): number {
  return document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`)?.offsetHeight ?? 160;
}

function nudge(x: number, y: number): void {
  const graph = activeGraph(editor());
  const positions: Record<string, Point> = {};
  for (const id of selected()) {
    const at = graph.nodes[id]?.pos ?? graph.notes[id]?.pos;
    if (at) positions[id] = [at[0] + x, at[1] + y];
  }
  if (Object.keys(positions).length) editor().editGraph("Move", (each) => moveNodes(each, positions), "nudge");
}

export const COMMANDS: readonly Command[] = [
  ...FILE_COMMANDS,
  { id: "run", title: "Run", keys: ["mod+Enter"], whileTyping: true, run: () => void submit() },
  { id: "run-front", title: "Run next, before all others", keys: ["mod+shift+Enter"], whileTyping: true, run: () => void submit({ front: true }) },
  { id: "run-here", title: "Run to the selected nodes", run: () => void submit({ outputs: selected() }) },
  { id: "refresh", title: "Run everything anew", run: () => void submit({ cache: "refresh" }) },
  { id: "interrupt", title: "Interrupt", keys: ["mod+alt+Enter"], whileTyping: true, run: () => void interrupt() },
  { id: "undo", title: "Undo", keys: ["mod+z"], run: () => editor().undo() },
  { id: "redo", title: "Redo", keys: ["mod+y", "mod+shift+z"], run: () => editor().redo() },
  { id: "copy", title: "Copy", keys: ["mod+c"], run: copy },
  { id: "cut", title: "Cut", keys: ["mod+x"], run: () => { copy(); editor().editGraph("Cut", (graph) => remove(graph, selected())); } },
  { id: "paste", title: "Paste", keys: ["mod+v"], run: () => pasteAgain(false) },
  { id: "paste-linked", title: "Paste with links", keys: ["mod+shift+v"], run: () => pasteAgain(true) },
  { id: "duplicate", title: "Duplicate", keys: ["mod+d"], run: () => { copy(); pasteAgain(true); } },
  { id: "delete", title: "Delete", keys: ["Delete", "Backspace"], run: () => editor().editGraph("Delete", (graph) => remove(graph, selected())) },
  { id: "select-all", title: "Select everything", keys: ["mod+a"], run: () => editor().select(Object.keys(activeGraph(editor()).nodes)) },
  { id: "mute", title: "Mute", keys: ["mod+m"], run: () => toggleMode("mute", "Mute") },
  { id: "bypass", title: "Bypass", keys: ["mod+b"], run: () => toggleMode("bypass", "Bypass") },
  { id: "group", title: "Group the selected nodes", keys: ["mod+g"], run: group },
  {
    id: "note",
    title: "Add a note",
    run: () => editor().editGraph("Add note", (graph) => putNote(graph, { id: `note-${crypto.randomUUID().slice(0, 8)}`, text: "", pos: [0, -160], size: [240, 120] })),
  },
  { id: "tidy", title: "Tidy up", keys: ["l"], run: () => void tidy() },
  { id: "add", title: "Add a node", keys: [" "], run: () => useUi.getState().set({ search: centre() }) },
  { id: "minimap", title: "Show or hide the map", run: () => useUi.getState().set({ minimap: !useUi.getState().minimap }) },
  { id: "theme", title: "Dark or light", run: () => useUi.getState().set({ theme: document.documentElement.dataset["theme"] === "light" ? "dark" : "light" }) },
  { id: "palette", title: "Find a command", keys: ["mod+k"], whileTyping: true, run: () => useUi.getState().set({ dialog: "palette" }) },
  { id: "help", title: "Keys and help", keys: ["?"], run: () => useUi.getState().set({ dialog: "help" }) },
  { id: "leave", title: "Leave the sub-graph", run: () => editor().enter(tab().path.slice(0, -1)) },
  { id: "nudge-left", title: "Move left", keys: ["ArrowLeft"], run: () => nudge(-8, 0) },
  { id: "nudge-right", title: "Move right", keys: ["ArrowRight"], run: () => nudge(8, 0) },
  { id: "nudge-up", title: "Move up", keys: ["ArrowUp"], run: () => nudge(0, -8) },
  { id: "nudge-down", title: "Move down", keys: ["ArrowDown"], run: () => nudge(0, 8) },
  ...RUN_COMMANDS,
];

/** The middle of the canvas, for what was not asked for at a place. */
function centre() {
  const box = document.querySelector(".canvas")?.getBoundingClientRect();
  const x = (box?.left ?? 0) + (box?.width ?? 800) / 2;
  const y = (box?.top ?? 0) + (box?.height ?? 600) / 3;
  const viewport = /translate\(([-\d.]+)px, ?([-\d.]+)px\) scale\(([\d.]+)\)/.exec(
    document.querySelector<HTMLElement>(".react-flow__viewport")?.style.transform ?? "",
  );
  const [tx, ty, zoom] = viewport ? viewport.slice(1).map(Number) : [0, 0, 1];
  return { screen: { x, y }, flow: { x: (x - (box?.left ?? 0) - tx!) / zoom!, y: (y - (box?.top ?? 0) - ty!) / zoom! } };
}

export const command = (id: string): Command => COMMANDS.find((each) => each.id === id)!;
