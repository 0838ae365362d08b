/** Every action once: its name, its key, whether it can be done, and what it does. */

import * as act from "../canvas/actions";
import { copy, cut, paste } from "../canvas/clipboard";
import { duration, fit, flow, here } from "../canvas/flow";
import { useGesture } from "../canvas/gesture";
import { startLinking } from "../canvas/linking";
import { menuByKey } from "../canvas/menus";
import { tidy } from "../graph/tidy";
import { activeGraph, activeTab, useEditor } from "../state/editor";
import { interrupt, submit } from "../state/submit";
import { useUi } from "../state/ui";
import type { IconName } from "../ui/icons";
import { useOverlay } from "../ui/overlay";
import { FILE_COMMANDS } from "./fileCommands";
import { RUN_COMMANDS } from "./runCommands";

export interface Command {
  readonly id: string;
  readonly title: string;
  /** `mod` is Ctrl, or Cmd on a Mac. */
  readonly keys?: readonly string[];
  /** It works while somebody types, too. */
  readonly whileTyping?: boolean;
  readonly icon?: IconName;
  /** The browser's own key does it, by an event: the key is only told to people. */
  readonly native?: boolean;
  run(): void;
}

const editor = () => useEditor.getState();
const ui = () => useUi.getState();

export const COMMANDS: readonly Command[] = [
  ...FILE_COMMANDS,
  { id: "run", title: "Run", keys: ["mod+Enter"], whileTyping: true, run: () => void submit() },
  { id: "run-front", title: "Run next, before all others", keys: ["mod+shift+Enter"], whileTyping: true, run: () => void submit({ front: true }) },
  { id: "run-here", title: "Run to the selected nodes", icon: "play", run: () => act.runHere() },
  { id: "refresh", title: "Run everything anew", run: () => void submit({ cache: "refresh" }) },
  { id: "interrupt", title: "Interrupt", keys: ["mod+alt+Enter"], whileTyping: true, run: () => void interrupt() },
  { id: "undo", title: "Undo", icon: "undo", keys: ["mod+z"], whileTyping: true, run: () => editor().undo() },
  { id: "redo", title: "Redo", icon: "redo", keys: ["mod+y", "mod+shift+z"], whileTyping: true, run: () => editor().redo() },
  { id: "copy", title: "Copy", icon: "copy", keys: ["mod+c"], native: true, run: () => void copy() },
  { id: "cut", title: "Cut", icon: "cut", keys: ["mod+x"], native: true, run: () => cut() },
  { id: "paste", title: "Paste", icon: "input", keys: ["mod+v"], native: true, run: () => void paste(false) },
  { id: "paste-linked", title: "Paste with links", keys: ["mod+shift+v"], native: true, run: () => void paste(true) },
  { id: "duplicate", title: "Duplicate", icon: "copy", keys: ["mod+d"], run: () => act.duplicate() },
  { id: "delete", title: "Delete", icon: "bin", keys: ["Delete", "Backspace"], run: () => act.deleteSelection() },
  { id: "select-all", title: "Select everything", keys: ["mod+a"], run: () => { const { nodes, groups, notes } = activeGraph(editor()); editor().select(Object.keys({ ...nodes, ...groups, ...notes })); } },
  { id: "deselect", title: "Select nothing", keys: ["Escape"], run: () => { editor().select([]); useGesture.setState({ links: new Set() }); } },
  { id: "rename", title: "Rename", icon: "rename", keys: ["F2"], run: () => act.rename() },
  { id: "mute", title: "Mute", icon: "mute", keys: ["mod+m"], run: () => act.toggleMode("mute", "Mute") },
  { id: "bypass", title: "Bypass", icon: "bypass", keys: ["mod+b"], run: () => act.toggleMode("bypass", "Bypass") },
  { id: "collapse", title: "Fold or unfold", keys: ["alt+c"], run: () => act.toggleCollapsed() },
  { id: "pin", title: "Pin in place", icon: "pin", keys: ["p"], run: () => act.togglePinned() },
  { id: "group", title: "Group the selected nodes", icon: "group", keys: ["mod+g"], run: () => act.group() },
  { id: "subgraph", title: "Make a sub-graph…", icon: "layers", keys: ["mod+shift+g"], run: () => void act.makeSub() },
  { id: "expand", title: "Expand the sub-graph", run: () => act.expandSub() },
  { id: "enter", title: "Open the sub-graph", run: () => void act.enterSub() },
  { id: "leave", title: "Leave the sub-graph", icon: "left", keys: ["alt+ArrowUp"], run: () => editor().enter(activeTab(editor()).path.slice(0, -1)) },
  { id: "note", title: "Add a note", icon: "note", run: () => act.addNote() },
  { id: "link", title: "Link by keys", icon: "link", keys: ["c"], run: () => startLinking() },
  { id: "tidy", title: "Tidy up", icon: "tidy", keys: ["l"], run: () => void tidy() },
  { id: "align-left", title: "Align left edges", icon: "left_edge", run: () => act.align("left") },
  { id: "align-centre", title: "Align centres", icon: "centre", run: () => act.align("centre") },
  { id: "align-right", title: "Align right edges", icon: "right_edge", run: () => act.align("right") },
  { id: "align-top", title: "Align top edges", icon: "top_edge", run: () => act.align("top") },
  { id: "align-middle", title: "Align middles", icon: "middle", run: () => act.align("middle") },
  { id: "align-bottom", title: "Align bottom edges", icon: "bottom_edge", run: () => act.align("bottom") },
  { id: "distribute-across", title: "Distribute across", icon: "across", run: () => act.distribute("across") },
  { id: "distribute-down", title: "Distribute down", icon: "along", run: () => act.distribute("down") },
  { id: "add", title: "Add a node…", icon: "plus", keys: [" "], run: () => ui().set({ search: here() }) },
  { id: "fit", title: "Fit the view", icon: "fit", keys: ["."], run: () => fit(act.selected().length > 1 ? act.selected() : []) },
  { id: "zoom-in", title: "Zoom in", icon: "plus", keys: ["+", "="], run: () => void flow()?.zoomIn({ duration: duration() }) },
  { id: "zoom-out", title: "Zoom out", icon: "minus", keys: ["-"], run: () => void flow()?.zoomOut({ duration: duration() }) },
  { id: "focus-mode", title: "Focus mode: the graph alone", keys: ["f"], run: () => useOverlay.setState(({ focused }) => ({ focused: !focused })) },
  { id: "inspect", title: "Show or hide the inspector", icon: "sidebar", keys: ["i"], run: () => ui().set({ inspector: !ui().inspector }) },
  { id: "minimap", title: "Show or hide the map", icon: "map", keys: ["m"], run: () => ui().set({ minimap: !ui().minimap }) },
  { id: "theme", title: "Dark or light", run: () => ui().set({ theme: document.documentElement.dataset["theme"] === "light" ? "dark" : "light" }) },
  { id: "menu", title: "Open the menu", keys: ["shift+F10", "ContextMenu"], run: () => menuByKey() },
  { id: "palette", title: "Find a command…", icon: "search", keys: ["mod+k"], whileTyping: true, run: () => ui().set({ dialog: "palette" }) },
  { id: "help", title: "Keys and help", icon: "help", keys: ["?"], run: () => ui().set({ dialog: "help" }) },
  { id: "nudge-left", title: "Move left", keys: ["ArrowLeft"], run: () => act.nudge(-8, 0) },
  { id: "nudge-right", title: "Move right", keys: ["ArrowRight"], run: () => act.nudge(8, 0) },
  { id: "nudge-up", title: "Move up", keys: ["ArrowUp"], run: () => act.nudge(0, -8) },
  { id: "nudge-down", title: "Move down", keys: ["ArrowDown"], run: () => act.nudge(0, 8) },
  ...RUN_COMMANDS,
];

export const command = (id: string): Command => COMMANDS.find((each) => each.id === id)!;
