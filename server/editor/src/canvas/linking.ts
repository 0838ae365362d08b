/**
 * The graph by keys alone. Tab walks the nodes in the order of the graph; Enter goes into a node, Esc out of it;
 * on a socket Enter begins a link, Tab and arrows go through the sockets that fit, Enter connects.
 */

import { defOf } from "../api/nodeDefs";
import { ranksOf } from "../graph/layout";
import { linkId, type GraphNode } from "../graph/model";
import { activeGraph, activeTab, useEditor } from "../state/editor";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { cut, enterSub, selectedNodes } from "./actions";
import { elementOf, focusNode, whenShown } from "./flow";
import { begin, end, fitness, say, useGesture, type Dragged } from "./gesture";
import { inputHandle, inputOf, outputHandle } from "./handles";
import { defOfId, linkRefusal, tryLink } from "./sockets";

/** Nodes as they run: by their distance from the start, then from the top. */
export function walk(): GraphNode[] {
  const graph = activeGraph(useEditor.getState());
  const ranks = ranksOf(graph);
  const rank = (node: GraphNode) => ranks.get(node.id) ?? 0;
  return Object.values(graph.nodes).sort((a, b) => rank(a) - rank(b) || a.pos[1] - b.pos[1] || a.pos[0] - b.pos[0]);
}

export function onCanvasKeyDown(event: KeyboardEvent): void {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return;
  if (target.classList.contains("socket-handle")) onSocket(event, target);
  else if (target.classList.contains("react-flow__node")) onNode(event, target.dataset["id"] ?? "");
  else if (event.key === "Escape" && !event.defaultPrevented) {
    const wrapper = target.closest<HTMLElement>(".react-flow__node");
    if (!wrapper) return;
    wrapper.focus({ preventScroll: true });
    stop(event);
  }
}

/** Tab comes into the canvas at the first node, Shift+Tab at the last: not where the page happens to have them. */
export function listenToArrivals(canvas: HTMLElement): () => void {
  let tab: { at: number; backwards: boolean } | undefined;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Tab") tab = { at: event.timeStamp, backwards: event.shiftKey };
  };
  const onFocusIn = (event: FocusEvent) => {
    const inside = event.relatedTarget instanceof Node && canvas.contains(event.relatedTarget);
    const arrived = event.target instanceof HTMLElement && event.target.classList.contains("react-flow__node");
    if (inside || !arrived || !tab || event.timeStamp - tab.at > 200) return;
    const first = tab.backwards ? walk().at(-1) : walk()[0];
    tab = undefined;
    if (first) focusNode(first.id);
  };
  window.addEventListener("keydown", onKeyDown, true);
  canvas.addEventListener("focusin", onFocusIn);
  return () => {
    window.removeEventListener("keydown", onKeyDown, true);
    canvas.removeEventListener("focusin", onFocusIn);
  };
}

function stop(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

function onNode(event: KeyboardEvent, id: string): void {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key === "Tab" && plain) {
    const nodes = walk();
    const at = nodes.findIndex((node) => node.id === id);
    const next = nodes[at + (event.shiftKey ? -1 : 1)];
    stop(event);
    if (at >= 0 && next) focusNode(next.id);
    else leaveCanvas(event.shiftKey);
  } else if (event.key === "Enter" && plain && !event.shiftKey) {
    stop(event);
    if (enterSub(id)) return;
    const element = elementOf(id);
    const field = element?.querySelector<HTMLElement>(".widget input:not([type=range]):not([type=file]), .widget textarea, .widget button, .note-text, .group-title");
    if (field?.classList.contains("note-text")) field.click();
    else (field ?? element?.querySelector<HTMLElement>(".socket-handle"))?.focus();
  }
}

/** Past the last node, the keys go on behind the canvas. */
function leaveCanvas(backwards: boolean): void {
  const canvas = document.querySelector(".canvas");
  if (!canvas) return;
  const all = [...document.querySelectorAll<HTMLElement>("a[href], button:not(:disabled), input:not(:disabled), textarea, select, [tabindex='0']")].filter(
    (each) => !canvas.contains(each) && each.tabIndex >= 0 && each.offsetParent !== null,
  );
  const isAfter = (each: Element) => Boolean(canvas.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING);
  (backwards ? all.filter((each) => !isAfter(each)).at(-1) : all.find(isAfter))?.focus();
}

/** From a selected node to its sockets; the first output, or else the first input. */
export function startLinking(): void {
  const id = document.activeElement?.closest<HTMLElement>(".react-flow__node")?.dataset["id"] ?? selectedNodes()[0];
  if (id === undefined) {
    useUi.getState().toast("Select a node first; then choose one of its sockets.");
    return;
  }
  whenShown(id, (element) => {
    const socket = element.querySelector<HTMLElement>(".socket-handle.source") ?? element.querySelector<HTMLElement>(".socket-handle");
    socket?.focus({ preventScroll: true });
    say("On a socket. Arrows go to others, Enter begins a link, Delete cuts, Escape goes back.");
  });
}

function onSocket(event: KeyboardEvent, socket: HTMLElement): void {
  const { dragged, byKeys } = useGesture.getState();
  const node = socket.closest<HTMLElement>(".react-flow__node");
  const id = node?.dataset["id"];
  const handle = socket.dataset["handleid"];
  if (!node || id === undefined || handle === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const side = socket.classList.contains("source") ? "source" : "target";
  if (dragged && byKeys) {
    const step = { Tab: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) goToFitting(dragged, id, handle, step);
    else if (event.key === "Enter" || event.key === " ") connectByKeys(dragged, id, handle);
    else if (event.key === "Escape") cancel(dragged);
    else return;
    stop(event);
    return;
  }
  const own = [...node.querySelectorAll<HTMLElement>(".socket-handle")];
  const column = own.filter((each) => each.classList.contains(side));
  const other = own.filter((each) => !each.classList.contains(side));
  const at = column.indexOf(socket);
  switch (event.key) {
    case "ArrowDown":
    case "ArrowUp":
      column[(at + (event.key === "ArrowDown" ? 1 : -1) + column.length) % column.length]?.focus({ preventScroll: true });
      break;
    case "ArrowLeft":
    case "ArrowRight":
      if ((event.key === "ArrowLeft") === (side === "source")) other[Math.min(at, other.length - 1)]?.focus({ preventScroll: true });
      break;
    case "Enter":
    case " ": {
      const begun = begin(id, handle, side, true);
      const count = fitting(begun).length;
      say(count ? `Link begun. ${count} ${count === 1 ? "socket fits" : "sockets fit"}: Tab goes through them, Enter connects, Escape cancels.` : "Nothing in this graph fits this socket.");
      if (!count) end();
      else goToFitting(begun, id, handle, 1);
      break;
    }
    case "Delete":
    case "Backspace": {
      const input = inputOf(handle);
      if (input !== undefined) cut(linkId(id, input));
      break;
    }
    case "Escape":
      node.focus({ preventScroll: true });
      break;
    default:
      return;
  }
  stop(event);
}

interface Candidate {
  readonly node: string;
  readonly handle: string;
  readonly name: string;
}

/** The sockets that fit, in the order in which nodes are walked; what is downstream comes first for an output. */
function fitting(dragged: Dragged): Candidate[] {
  const { workflow } = activeTab(useEditor.getState());
  const { defs } = useServer.getState();
  const nodes = walk();
  const at = nodes.findIndex((node) => node.id === dragged.node);
  const ordered = dragged.side === "source" ? [...nodes.slice(at + 1), ...nodes.slice(0, at)] : [...nodes.slice(0, at).reverse(), ...nodes.slice(at + 1)];
  return ordered.flatMap((node) => {
    const def = defOf(node, defs, workflow);
    const title = node.title ?? def?.title ?? node.classType;
    const side = dragged.side === "source" ? "target" : "source";
    const sockets =
      side === "target"
        ? (def?.inputs ?? []).map((input) => ({ handle: inputHandle(input.name), type: input.type, name: input.name, widget: Boolean(input.widget) }))
        : (def?.outputs ?? []).map((output, index) => ({ handle: outputHandle(index), type: output.type, name: output.name, widget: false }));
    return sockets
      .filter((socket) => fitness(dragged, node.id, socket.handle, side, socket.type) === "yes")
      .sort((a, b) => Number(a.widget) - Number(b.widget))
      .map((socket) => ({ node: node.id, handle: socket.handle, name: `${socket.name} of ${title}` }));
  });
}

function goToFitting(dragged: Dragged, node: string, handle: string, step: number): void {
  const all = fitting(dragged);
  const at = all.findIndex((each) => each.node === node && each.handle === handle);
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length];
  if (!next) return;
  whenShown(next.node, (element) => {
    element.querySelector<HTMLElement>(`[data-handleid="${CSS.escape(next.handle)}"]`)?.focus({ preventScroll: true });
    say(`${next.name}. ${all.indexOf(next) + 1} of ${all.length}.`);
  });
}

function connectByKeys(dragged: Dragged, node: string, handle: string): void {
  if (node === dragged.node && handle === dragged.handle) return;
  const from = { node: dragged.node, handle: dragged.handle };
  const [source, target] = dragged.side === "source" ? [from, { node, handle }] : [{ node, handle }, from];
  const connection = { source: source.node, sourceHandle: source.handle, target: target.node, targetHandle: target.handle };
  const why = linkRefusal(connection);
  if (why) {
    say(why);
    return;
  }
  end();
  tryLink(connection);
  const title = (id: string) => activeGraph(useEditor.getState()).nodes[id]?.title ?? defOfId(id)?.title ?? id;
  say(`${title(connection.source)} is linked to ${title(connection.target)}.`);
}

function cancel(dragged: Dragged): void {
  end();
  whenShown(dragged.node, (element) => element.querySelector<HTMLElement>(`[data-handleid="${CSS.escape(dragged.handle)}"]`)?.focus({ preventScroll: true }));
  say("No link.");
}
