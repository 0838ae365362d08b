/** Edits: pure functions from one graph (or workflow) to the next. */

import type { Json } from "../json";
import { compatible } from "./types";
import {
  linkId,
  subgraphOf,
  type Graph,
  type GraphNode,
  type Group,
  type Link,
  type Mode,
  type Note,
  type Point,
  type Reroute,
  type Workflow,
} from "./model";

/** An id that no node of the graph has: the next whole number. */
export function freshId(graph: Graph, taken: Iterable<string> = []): string {
  let highest = 0;
  for (const id of [...Object.keys(graph.nodes), ...taken]) {
    const number = Number(id);
    if (Number.isSafeInteger(number) && number > highest) highest = number;
  }
  return String(highest + 1);
}

export function putNode(graph: Graph, node: GraphNode): Graph {
  return { ...graph, nodes: { ...graph.nodes, [node.id]: node } };
}

/** A new node under an id of its own. */
export function addNode(graph: Graph, node: Omit<GraphNode, "id">): { graph: Graph; id: string } {
  const id = freshId(graph);
  return { graph: putNode(graph, { ...node, id }), id };
}

export function changeNode(graph: Graph, id: string, change: Partial<GraphNode>): Graph {
  const node = graph.nodes[id];
  return node ? putNode(graph, prune({ ...node, ...change })) : graph;
}

export function setValue(graph: Graph, id: string, input: string, value: Json): Graph {
  const node = graph.nodes[id];
  return node ? putNode(graph, { ...node, values: { ...node.values, [input]: value } }) : graph;
}

export function moveNodes(graph: Graph, positions: Readonly<Record<string, Point>>): Graph {
  const nodes = { ...graph.nodes };
  const notes = { ...graph.notes };
  for (const [id, pos] of Object.entries(positions)) {
    if (nodes[id]) nodes[id] = { ...nodes[id], pos };
    else if (notes[id]) notes[id] = { ...notes[id], pos };
  }
  return { ...graph, nodes, notes };
}

export function setMode(graph: Graph, ids: Iterable<string>, mode: Mode | undefined): Graph {
  let changed = graph;
  for (const id of ids) changed = changeNode(changed, id, { mode } as Partial<GraphNode>);
  return changed;
}

/** Put a link in; the one that was there before goes. */
export function connect(graph: Graph, link: Link): Graph {
  const id = linkId(link.target, link.input);
  const cut = id in graph.links ? disconnect(graph, [id]) : graph;
  return { ...cut, links: { ...cut.links, [id]: link } };
}

export function disconnect(graph: Graph, ids: Iterable<string>): Graph {
  const links = { ...graph.links };
  const gone = new Set(ids);
  for (const id of gone) delete links[id];
  return { ...graph, links, reroutes: keep(graph.reroutes, (reroute) => !gone.has(reroute.link)) };
}

/** Take out nodes, groups and notes, with the links that hang on them. */
export function remove(graph: Graph, ids: Iterable<string>): Graph {
  const gone = new Set(ids);
  const links = keep(graph.links, (link) => !gone.has(link.source) && !gone.has(link.target));
  return {
    nodes: keep(graph.nodes, (node) => !gone.has(node.id)),
    links,
    groups: keep(graph.groups, (group) => !gone.has(group.id)),
    notes: keep(graph.notes, (note) => !gone.has(note.id)),
    reroutes: keep(graph.reroutes, (reroute) => reroute.link in links),
  };
}

/** Names of a workflow that lead nowhere any more are dropped. */
export function dropLostNames(workflow: Workflow): Workflow {
  const there = ({ node }: { node: string }) => node.split(":")[0]! in workflow.graph.nodes;
  const inputs = keep(workflow.inputs, there);
  const outputs = keep(workflow.outputs, there);
  const same = count(inputs) === count(workflow.inputs) && count(outputs) === count(workflow.outputs);
  return same ? workflow : { ...workflow, inputs, outputs };
}

export function putGroup(graph: Graph, group: Group): Graph {
  return { ...graph, groups: { ...graph.groups, [group.id]: group } };
}

export function putNote(graph: Graph, note: Note): Graph {
  return { ...graph, notes: { ...graph.notes, [note.id]: note } };
}

/** Everything that a node is made from, at whatever distance; the node itself too. */
export function upstream(graph: Graph, id: string): Set<string> {
  return reached(graph, id, "target", "source");
}

/** Everything that is made from a node; the node itself too. */
export function downstream(graph: Graph, id: string): Set<string> {
  return reached(graph, id, "source", "target");
}

function reached(graph: Graph, id: string, from: "source" | "target", to: "source" | "target"): Set<string> {
  const next = new Map<string, string[]>();
  for (const link of Object.values(graph.links)) {
    const those = next.get(link[from]);
    if (those) those.push(link[to]);
    else next.set(link[from], [link[to]]);
  }
  const seen = new Set([id]);
  for (const each of seen) for (const other of next.get(each) ?? []) seen.add(other);
  return seen;
}

/** Whether a link would close a circle. */
export function closesCircle(graph: Graph, source: string, target: string): boolean {
  return upstream(graph, source).has(target);
}

/** Why a link cannot be; an empty text when it can. */
export function refusal(graph: Graph, link: Link, from: string, to: string): string {
  if (link.source === link.target) return "A node cannot feed itself.";
  if (!compatible(from, to)) return `This input takes ${to}, not ${from}.`;
  if (closesCircle(graph, link.source, link.target)) return "This link would close a circle.";
  return "";
}

/** Put a node between the two ends of a link. */
export function insertOnLink(graph: Graph, link: string, node: string, input: string, output: number): Graph {
  const before = graph.links[link];
  if (!before) return graph;
  const led = connect(disconnect(graph, [link]), { source: before.source, output: before.output, target: node, input });
  return connect(led, { source: node, output, target: before.target, input: before.input });
}

/** A new point on a link, put between the two stops that it lies nearest to. */
export function addReroute(graph: Graph, reroute: Reroute, ends: readonly [Point, Point]): Graph {
  const own = Object.values(graph.reroutes).filter((each) => each.link === reroute.link);
  const stops = [ends[0], ...own.map((each) => each.pos), ends[1]];
  let nearest = 0;
  let least = Infinity;
  for (let index = 0; index + 1 < stops.length; index++) {
    const distance = distanceTo(reroute.pos, stops[index]!, stops[index + 1]!);
    if (distance < least) [nearest, least] = [index, distance];
  }
  const others = Object.values(graph.reroutes).filter((each) => each.link !== reroute.link);
  const ordered = [...others, ...own.slice(0, nearest), reroute, ...own.slice(nearest)];
  return { ...graph, reroutes: Object.fromEntries(ordered.map((each) => [each.id, each])) };
}

export function moveReroute(graph: Graph, id: string, pos: Point): Graph {
  const reroute = graph.reroutes[id];
  return reroute ? { ...graph, reroutes: { ...graph.reroutes, [id]: { ...reroute, pos } } } : graph;
}

export function removeReroute(graph: Graph, id: string): Graph {
  return { ...graph, reroutes: keep(graph.reroutes, (each) => each.id !== id) };
}

function distanceTo([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const share = length ? Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length)) : 0;
  return Math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay));
}

/** How many nodes use a definition, at whatever depth. */
export function usesOf(workflow: Workflow, definition: string): number {
  const graphs = [workflow.graph, ...Object.values(workflow.subgraphs).map((each) => each.graph)];
  return graphs.flatMap((graph) => Object.values(graph.nodes)).filter((node) => subgraphOf(node) === definition).length;
}

function keep<T>(record: Readonly<Record<string, T>>, test: (each: T) => boolean): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([, each]) => test(each)));
}

function count(record: object): number {
  return Object.keys(record).length;
}

/** Without keys whose value is undefined: absent and undefined are one. */
function prune<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}
