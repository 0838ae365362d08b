/** What can be done to the selection, or to one thing: for commands and menus alike. */

import { aligned, distributed, type Alignment } from "../graph/align";
import { insertClipping, clippingOf } from "../graph/clipping";
import { contentOf, moveAll, placeOf } from "../graph/groups";
import { linkId, subgraphOf, type Graph, type GraphNode, type Mode, type Point } from "../graph/model";
import { freeName, nameOfInput, nameOfOutput, putInput, putOutput, removeInput, removeOutput } from "../graph/names";
import { addReroute, changeNode, disconnect, insertOnLink, putGroup, putNote, remove, setMode } from "../graph/ops";
import { changeDefinition, expandSubgraph, makeSubgraph, toggleExposed, withContent } from "../graph/subgraphs";
import { activeGraph, activeTab, useEditor } from "../state/editor";
import { submit } from "../state/submit";
import { useUi } from "../state/ui";
import { ask } from "../ui/overlay";
import { boxesOf, centre, focusNode, pointerOnGraph, whenShown } from "./flow";
import { useGesture } from "./gesture";
import { SOCKETS, between, defOfId, endsOf } from "./sockets";

const editor = () => useEditor.getState();
const graphNow = (): Graph => activeGraph(editor());
export const tabNow = () => activeTab(editor());
export const selected = (): string[] => [...tabNow().selection];
export const selectedNodes = (): string[] => selected().filter((id) => id in graphNow().nodes);

const change = (label: string, ids: readonly string[], fn: (node: GraphNode) => Partial<GraphNode>, merge?: string) => {
  if (ids.length)
    editor().editGraph(label, (graph) => ids.reduce((each, id) => (each.nodes[id] ? changeNode(each, id, fn(each.nodes[id])) : each), graph), merge);
};

/** All on, unless all are: then all off. */
function toggled(ids: readonly string[], on: (node: GraphNode) => boolean): boolean {
  const { nodes } = graphNow();
  return !ids.every((id) => nodes[id] && on(nodes[id]));
}

export function toggleMode(mode: Mode, label: string, ids = selectedNodes()): void {
  const on = toggled(ids, (node) => node.mode === mode);
  if (ids.length) editor().editGraph(on ? label : `${label} off`, (graph) => setMode(graph, ids, on ? mode : undefined));
}

export function toggleCollapsed(ids = selectedNodes()): void {
  const on = toggled(ids, (node) => node.collapsed === true);
  change(on ? "Fold" : "Unfold", ids, () => ({ collapsed: on || undefined }) as Partial<GraphNode>);
}

export function togglePinned(ids = selectedNodes()): void {
  const on = toggled(ids, (node) => node.pinned === true);
  change(on ? "Pin" : "Unpin", ids, () => ({ pinned: on || undefined }) as Partial<GraphNode>);
}

export function setColor(color: string | undefined, ids: readonly string[] = selected()): void {
  editor().editGraph("Colour", (graph) =>
    ids.reduce((each, id) => {
      if (each.nodes[id]) return changeNode(each, id, { color } as Partial<GraphNode>);
      const group = each.groups[id];
      if (!group) return each;
      const { color: _, ...rest } = group;
      return putGroup(each, color === undefined ? rest : { ...rest, color });
    }, graph),
  );
}

export function rename(id: string | undefined = selected()[0]): void {
  if (id === undefined) return;
  if (graphNow().groups[id]) {
    whenShown(id, (element) => element.querySelector<HTMLInputElement>(".group-title")?.select());
    return;
  }
  const node = graphNow().nodes[id];
  if (!node) return;
  if (node.collapsed !== true) whenShown(id, () => useGesture.setState({ renaming: id }));
  else useGesture.setState({ renaming: id });
}

export function setTitle(id: string, title: string): void {
  const plain = defOfId(id)?.title;
  change("Rename", [id], () => ({ title: title.trim() && title.trim() !== plain ? title.trim() : undefined }) as Partial<GraphNode>);
}

/** Delete what is selected: nodes, notes, groups (their content stays), links. */
export function deleteSelection(): void {
  const ids = selected();
  const { links } = useGesture.getState();
  if (!ids.length && !links.size) return;
  editor().editGraph(ids.length ? "Delete" : "Cut link", (graph) => disconnect(remove(graph, ids), links));
  useGesture.setState({ links: new Set() });
  editor().select([]);
}

export function cutLinks(id: string): void {
  editor().editGraph("Cut links", (graph) =>
    disconnect(graph, Object.entries(graph.links).filter(([, link]) => link.source === id || link.target === id).map(([key]) => key)),
  );
}

export function duplicate(ids: readonly string[] = selected(), offset: Point = [32, 32]): void {
  const { workflow, path } = tabNow();
  const clipping = clippingOf(workflow, path, ids);
  let made: readonly string[] = [];
  editor().edit("Duplicate", (each) => {
    const pasted = insertClipping(each, path, clipping, offset, { outside: true });
    made = pasted.ids;
    return pasted.ids.length ? pasted.workflow : each;
  });
  editor().select(made);
}

export function move(positions: Readonly<Record<string, Point>>, label = "Move", merge?: string): void {
  if (Object.keys(positions).length) editor().editGraph(label, (graph) => moveAll(graph, positions), merge);
}

export function nudge(x: number, y: number): void {
  const graph = graphNow();
  const positions: Record<string, Point> = {};
  for (const id of selected()) {
    const at = placeOf(graph, id);
    if (at && !graph.nodes[id]?.pinned) positions[id] = [at[0] + x, at[1] + y];
  }
  move(positions, "Move", "nudge");
}

export function align(how: Alignment): void {
  const boxes = boxesOf(selected());
  if (boxes.length > 1) move(aligned(boxes, how), "Align");
}

export function distribute(way: "across" | "down"): void {
  move(distributed(boxesOf(selected()), way), "Distribute");
}

export function group(): void {
  const ids = selected();
  const boxes = boxesOf(ids);
  if (!boxes.length) return;
  const left = Math.min(...boxes.map((box) => box.x)) - 20;
  const top = Math.min(...boxes.map((box) => box.y)) - 48;
  const right = Math.max(...boxes.map((box) => box.x + box.width)) + 20;
  const bottom = Math.max(...boxes.map((box) => box.y + box.height)) + 20;
  const id = `group-${crypto.randomUUID().slice(0, 8)}`;
  editor().editGraph("Group", (graph) => putGroup(graph, { id, title: "Group", bounding: [left, top, right - left, bottom - top] }));
  editor().select([id]);
  requestAnimationFrame(() => rename(id));
}

export function selectContent(id: string): void {
  const graph = graphNow();
  const found = graph.groups[id];
  if (found) editor().select(contentOf(graph, found));
}

/** Delete a group with all that lies in it. */
export function deleteWithContent(id: string): void {
  editor().editGraph("Delete group and content", (graph) => remove(graph, withContent(graph, [id])));
}

export function addNote(at: Point | undefined = pointerOnGraph()): void {
  const { x, y } = centre().flow;
  const pos: Point = at ?? [x, y];
  const id = `note-${crypto.randomUUID().slice(0, 8)}`;
  editor().editGraph("Add note", (graph) => putNote(graph, { id, text: "", pos: [Math.round(pos[0]), Math.round(pos[1])], size: [240, 120] }));
  editor().select([id]);
  requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector<HTMLElement>(`.react-flow__node[data-id="${id}"] textarea`)?.focus()));
}

/** The id of an inner node as the server knows it, when it is clear which instance is meant. */
export function runHere(ids = selectedNodes()): void {
  if (tabNow().path.length) {
    useUi.getState().toast("Run to here works in the outermost graph: leave the sub-graph first.");
    return;
  }
  if (ids.length) void submit({ outputs: ids });
}

/* Links */

export function addPoint(link: string, at: Point): void {
  const found = graphNow().links[link];
  if (!found) return;
  const boxes = boxesOf([found.source, found.target]);
  const [from, to] = [boxes[0], boxes[1]];
  if (!from || !to) return;
  const id = `reroute-${crypto.randomUUID().slice(0, 8)}`;
  const ends = [[from.x + from.width, from.y + 40], [to.x, to.y + 40]] as const;
  editor().editGraph("Add point", (graph) => addReroute(graph, { id, link, pos: [Math.round(at[0]), Math.round(at[1])] }, ends));
}

export function cut(link: string): void {
  editor().editGraph("Cut link", (graph) => disconnect(graph, [link]));
}

/** Whether a node that is linked to nothing could go into a link, and how. */
export function insertion(node: string, link: string): ReturnType<typeof between> {
  const graph = graphNow();
  const found = graph.links[link];
  const def = defOfId(node);
  const linked = Object.values(graph.links).some((each) => each.source === node || each.target === node);
  if (!found || !def || linked || found.source === node || found.target === node) return undefined;
  return between(def, ...endsOf(found));
}

export function putOnLink(graph: Graph, node: string, link: string): Graph {
  const how = insertion(node, link);
  return how ? insertOnLink(graph, link, node, how.input, how.output) : graph;
}

/* Sub-graphs */

export async function makeSub(): Promise<void> {
  const { path, workflow } = tabNow();
  const ids = withContent(graphNow(), selected());
  if (![...ids].some((id) => id in graphNow().nodes)) {
    useUi.getState().toast("Select the nodes that go into the sub-graph first.");
    return;
  }
  const known = new Set(Object.values(workflow.subgraphs).map((each) => each.title));
  const title = await ask({ title: "Make a sub-graph", label: "Name", value: freeName("Sub-graph", known).replaceAll("_", " "), button: "Make", refuse: needed });
  if (title === undefined) return;
  let instance = "";
  editor().edit("Make sub-graph", (each) => {
    const made = makeSubgraph(each, path, ids, title, SOCKETS);
    instance = made?.instance ?? "";
    return made?.workflow ?? each;
  });
  if (!instance) return;
  editor().select([instance]);
  requestAnimationFrame(() => requestAnimationFrame(() => focusNode(instance)));
}

export function expandSub(id: string | undefined = selectedNodes()[0]): void {
  const { path, workflow } = tabNow();
  const node = id === undefined ? undefined : graphNow().nodes[id];
  if (!node || subgraphOf(node) === undefined) return;
  if (node.mode === "bypass") {
    useUi.getState().toast("A bypassed sub-graph stays whole: turn the bypass off, then expand it.");
    return;
  }
  const expanded = expandSubgraph(workflow, path, node.id);
  if (!expanded) return;
  editor().edit("Expand sub-graph", () => expanded.workflow);
  editor().select(expanded.ids);
}

export function enterSub(id: string | undefined = selectedNodes()[0]): boolean {
  const { workflow, path } = tabNow();
  const node = id === undefined ? undefined : graphNow().nodes[id];
  const definition = node && subgraphOf(node);
  if (definition === undefined || !workflow.subgraphs[definition]) return false;
  editor().enter([...path, definition]);
  return true;
}

export async function renameSub(definition: string): Promise<void> {
  const title = await ask({ title: "Rename the sub-graph", label: "Name", value: tabNow().workflow.subgraphs[definition]?.title ?? "", button: "Rename", refuse: needed });
  if (title !== undefined) editor().edit("Rename sub-graph", (each) => changeDefinition(each, definition, { title }));
}

const needed = (text: string): string => (text ? "" : "It needs a name.");

/* Names of the workflow */

export async function nameInput(node: string, input: string): Promise<void> {
  const { workflow, path } = tabNow();
  if (path.length) {
    editor().edit("Show on the sub-graph", (each) => toggleExposed(each, path.at(-1)!, node, input));
    return;
  }
  const known = nameOfInput(workflow, node, input);
  if (known !== undefined) {
    editor().edit("Remove workflow input", (each) => removeInput(each, known));
    return;
  }
  const name = await ask({
    title: "Use as workflow input",
    label: "Name",
    value: freeName(input, Object.keys(workflow.inputs)),
    button: "Use",
    help: "The form view, scripts and the command line set the value by this name.",
    refuse: (text) => needed(text) || (text in tabNow().workflow.inputs ? `There is an input ${text} already.` : /^\d+$/.test(text) ? "A name needs a letter." : ""),
  });
  if (name === undefined) return;
  const order = Object.values(workflow.inputs).some((each) => each.order !== undefined) ? { order: Object.keys(workflow.inputs).length } : {};
  editor().edit("Use as workflow input", (each) => putInput(each, name, { node, input, ...order }));
}

export async function nameOutput(node: string): Promise<void> {
  const { workflow } = tabNow();
  const known = nameOfOutput(workflow, node);
  if (known !== undefined) {
    editor().edit("Remove workflow output", (each) => removeOutput(each, known));
    return;
  }
  const def = defOfId(node);
  const name = await ask({
    title: "Use as workflow output",
    label: "Name",
    value: freeName((workflow.graph.nodes[node]?.title ?? def?.title ?? "result").toLowerCase().replaceAll(/[^a-z\d]+/g, "_"), Object.keys(workflow.outputs)),
    button: "Use",
    help: def?.outputNode ? "What this node writes is given back under this name." : "The node's first output is given back under this name.",
    refuse: (text) => needed(text) || (text in tabNow().workflow.outputs ? `There is an output ${text} already.` : /^\d+$/.test(text) ? "A name needs a letter." : ""),
  });
  if (name !== undefined) editor().edit("Use as workflow output", (each) => putOutput(each, name, { node, ...(!def?.outputNode && { output: 0 }) }));
}

export const isLinked = (node: string, input: string): boolean => linkId(node, input) in graphNow().links;
