/** What a right click, or the menu key, offers: for the canvas, a node, a link, a group, a note, a selection. */

import { linkId, subgraphOf } from "../graph/model";
import { nameOfInput, nameOfOutput } from "../graph/names";
import { removeReroute, setValue } from "../graph/ops";
import { addInlet, addOutlet, exposedAs } from "../graph/subgraphs";
import { activeGraph, useEditor } from "../state/editor";
import { openSweep } from "../state/sweep";
import { useUi } from "../state/ui";
import { openMenu, type Entry, type MenuItem } from "../ui/overlay";
import { command } from "../app/commands";
import * as act from "./actions";
import { boxesOf, centre, elementOf, flow, toGraph } from "./flow";
import { paste } from "./clipboard";
import { SOCKETS, defOfId } from "./sockets";

/** Tints of nodes and groups; they are mixed with the theme, so that words stay readable. */
export const TINTS: readonly (readonly [string, string | undefined])[] = [
  ["None", undefined],
  ["Red", "#d9534f"],
  ["Orange", "#e08a3c"],
  ["Yellow", "#d4b13a"],
  ["Green", "#4caf78"],
  ["Teal", "#3aa6a0"],
  ["Blue", "#4a86e8"],
  ["Purple", "#9a6ddb"],
  ["Grey", "#8a8f9c"],
];

interface At {
  readonly x: number;
  readonly y: number;
}

const graphNow = () => activeGraph(useEditor.getState());

function doing(id: string, more: Partial<MenuItem> = {}): MenuItem {
  const { title, keys, run, icon } = command(id);
  return { label: title, keys: keys?.[0], run, ...(icon && { icon }), ...more };
}

function colours(ids: readonly string[]): MenuItem {
  const graph = graphNow();
  const now = ids.length === 1 ? (graph.nodes[ids[0]!] ?? graph.groups[ids[0]!])?.color : undefined;
  return {
    label: "Colour",
    icon: "palette",
    items: TINTS.map(([label, color]) => ({ label, checked: color === now, ...(color && { swatch: color }), run: () => act.setColor(color, ids) })),
  };
}

function aligning(): MenuItem {
  const ids: readonly string[] = ["align-left", "align-centre", "align-right", "align-top", "align-middle", "align-bottom"];
  return { label: "Align and distribute", icon: "left_edge", items: [...ids.map((id) => doing(id)), "-", doing("distribute-across"), doing("distribute-down"), "-", doing("tidy")] };
}

export function canvasMenu(at: At): void {
  const [x, y] = toGraph(at.x, at.y);
  const inside = act.tabNow().path.length > 0;
  openMenu(at, "Canvas", [
    doing("add", { label: "Add a node…", run: () => useUi.getState().set({ search: { screen: at, flow: { x, y } } }) }),
    doing("note", { run: () => act.addNote([x, y]) }),
    doing("paste", { run: () => void paste(false, [x, y]) }),
    "-",
    doing("select-all"),
    doing("tidy"),
    doing("fit"),
    ...(inside ? (["-", doing("leave")] as const) : []),
    "-",
    doing("undo"),
    doing("redo"),
    "-",
    doing("palette"),
    doing("help"),
  ]);
}

export function linkMenu(link: string, at: At): void {
  const place = toGraph(at.x, at.y);
  openMenu(at, "Link", [
    { label: "Insert a node…", icon: "plus", run: () => useUi.getState().set({ search: { screen: at, flow: { x: place[0], y: place[1] }, between: link } }) },
    { label: "Add a point", icon: "bypass", run: () => act.addPoint(link, place) },
    {
      label: "Remove all points",
      disabled: !Object.values(graphNow().reroutes).some((each) => each.link === link),
      run: () =>
        useEditor.getState().editGraph("Remove points", (graph) =>
          Object.values(graph.reroutes).filter((each) => each.link === link).reduce((each, { id }) => removeReroute(each, id), graph),
        ),
    },
    "-",
    { label: "Go to its start", icon: "left", run: () => graphNow().links[link] && useEditor.getState().select([graphNow().links[link]!.source]) },
    { label: "Cut the link", icon: "cut", keys: "Delete", run: () => act.cut(link) },
  ]);
}

export function nodeMenu(id: string, at: At, input?: string, output?: number): void {
  const state = useEditor.getState();
  const { selection, workflow, path } = act.tabNow();
  if (!selection.has(id)) state.select([id]);
  else if (selection.size > 1) {
    selectionMenu(at);
    return;
  }
  const graph = graphNow();
  if (graph.groups[id]) return groupMenu(id, at);
  if (graph.notes[id]) return noteMenu(id, at);
  const node = graph.nodes[id];
  if (!node) return;
  const instance = subgraphOf(node);
  const linked = Object.values(graph.links).some((link) => link.source === id || link.target === id);
  const named = nameOfOutput(workflow, id);
  const entries: Entry[] = [
    ...fieldEntries(id, input, output),
    doing("run-here", { label: "Run to here", icon: "play", disabled: path.length > 0 }),
    "-",
    ...(instance === undefined
      ? []
      : ([
          { label: "Open the sub-graph", icon: "layers", keys: "Enter", run: () => void act.enterSub(id) },
          { label: "Expand into this graph", icon: "open", run: () => act.expandSub(id) },
          { label: "Rename the definition…", icon: "rename", run: () => void act.renameSub(instance) },
          "-",
        ] as const)),
    doing("rename"),
    colours([id]),
    doing("mute", { checked: node.mode === "mute" }),
    doing("bypass", { checked: node.mode === "bypass" }),
    doing("collapse", { label: node.collapsed ? "Unfold" : "Fold" }),
    doing("pin", { checked: node.pinned === true }),
    "-",
    ...(path.length ? [] : [{ label: named === undefined ? "Use as workflow output…" : `No workflow output any more (${named})`, icon: "exit", run: () => void act.nameOutput(id) } as const]),
    doing("link"),
    { label: "Cut all links", icon: "cut", disabled: !linked, run: () => act.cutLinks(id) },
    doing("subgraph"),
    "-",
    doing("copy"),
    doing("duplicate"),
    doing("delete"),
    "-",
    { label: "About this node", icon: "help", run: () => useUi.getState().set({ inspector: true }) },
  ];
  openMenu(at, node.title ?? defOfId(id)?.title ?? node.classType, entries);
}

/** What concerns the very input or output that was clicked. */
function fieldEntries(id: string, input: string | undefined, output: number | undefined): Entry[] {
  const { workflow, path } = act.tabNow();
  const definition = path.length ? workflow.subgraphs[path.at(-1)!] : undefined;
  const def = defOfId(id);
  if (output !== undefined && definition) {
    const given = Object.values(definition.outputs).some(([node, index]) => node === id && index === output);
    const name = def?.outputs[output]?.name ?? "output";
    return [
      { label: `Make ${name} an output of the sub-graph`, icon: "exit", disabled: given, run: () => useEditor.getState().edit("Add output", (each) => addOutlet(each, definition.id, id, output, name)) },
      "-",
    ];
  }
  const found = def?.inputs.find((each) => each.name === input);
  if (!found || input === undefined) return [];
  const linked = linkId(id, input) in graphNow().links;
  const entries: Entry[] = [];
  if (definition) {
    const shown = exposedAs(definition, id, input) !== undefined;
    const fed = Object.values(definition.inputs).some(({ to }) => to.some(([node, name]) => node === id && name === input));
    if (found.widget && !linked) entries.push({ label: shown ? `Hide ${input} on the sub-graph` : `Show ${input} on the sub-graph`, icon: "entry", run: () => void act.nameInput(id, input) });
    entries.push({
      label: `Make ${input} an input of the sub-graph`,
      icon: "entry",
      disabled: fed || shown || linked,
      run: () => useEditor.getState().edit("Add input", (each) => addInlet(each, definition.id, id, input, SOCKETS.inputType(id, input))),
    });
  } else if (found.widget && !linked) {
    const name = nameOfInput(workflow, id, input);
    entries.push({ label: name === undefined ? `Use ${input} as workflow input…` : `No workflow input any more (${name})`, icon: "entry", run: () => void act.nameInput(id, input) });
    if (found.widget.kind !== "color") entries.push({ label: `Sweep ${input}…`, icon: "sweep", run: () => openSweep(id, input) });
  }
  if (found.widget && !linked && found.default !== undefined)
    entries.push({ label: `Reset ${input}`, icon: "again", run: () => useEditor.getState().editGraph(`Reset ${input}`, (graph) => setValue(graph, id, input, found.default!)) });
  if (linked) entries.push({ label: `Cut the link to ${input}`, icon: "cut", run: () => act.cut(linkId(id, input)) });
  return entries.length ? [...entries, "-"] : entries;
}

function groupMenu(id: string, at: At): void {
  openMenu(at, "Group", [
    doing("rename", { run: () => act.rename(id) }),
    colours([id]),
    { label: "Select the content", icon: "group", run: () => act.selectContent(id) },
    "-",
    doing("delete", { label: "Delete the group, keep its content" }),
    { label: "Delete with its content", icon: "bin", run: () => act.deleteWithContent(id) },
  ]);
}

function noteMenu(id: string, at: At): void {
  openMenu(at, "Note", [
    { label: "Write", icon: "rename", keys: "Enter", run: () => elementOf(id)?.querySelector<HTMLElement>(".note-text")?.click() },
    doing("copy"),
    doing("duplicate"),
    doing("delete"),
  ]);
}

export function selectionMenu(at: At): void {
  openMenu(at, "Selection", [
    doing("run-here", { icon: "play" }),
    "-",
    colours(act.selected()),
    doing("mute"),
    doing("bypass"),
    doing("collapse"),
    doing("pin"),
    "-",
    aligning(),
    doing("group"),
    doing("subgraph"),
    "-",
    doing("copy"),
    doing("cut"),
    doing("duplicate"),
    doing("delete"),
  ]);
}

/** The menu of what is selected, by the key. */
export function menuByKey(): void {
  const focused = document.activeElement?.closest<HTMLElement>(".react-flow__node")?.dataset["id"];
  const ids = focused === undefined ? act.selected() : [focused];
  const [box] = boxesOf(ids);
  const at = box && flow()?.flowToScreenPosition({ x: box.x + Math.min(box.width, 160), y: box.y + 20 });
  const field = document.activeElement?.closest<HTMLElement>("[data-input]")?.dataset["input"];
  if (ids.length > 1 && at) selectionMenu(at);
  else if (ids[0] !== undefined && at) nodeMenu(ids[0], at, field);
  else canvasMenu(centre().screen);
}
