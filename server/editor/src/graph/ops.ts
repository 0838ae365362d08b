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
  const there = ({ node }: { node: string }) => node in workflow.graph.nodes;
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

/** Whether a link would close a circle. */
export function closesCircle(graph: Graph, source: string, target: string): boolean {
  const consumers = new Map<string, string[]>();
  for (const link of Object.values(graph.links)) {
    const those = consumers.get(link.source);
    if (those) those.push(link.target);
    else consumers.set(link.source, [link.target]);
  }
  const seen = new Set([target]);
  const stack = [target];
  while (stack.length) {
    const id = stack.pop()!;
    if (id === source) return true;
    for (const next of consumers.get(id) ?? [])
      if (!seen.has(next)) {
        seen.add(next);
        stack.push(next);
      }
  }
  return false;
}

/** Why a link cannot be; an empty text when it can. */
export function refusal(graph: Graph, link: Link, from: string, to: string): string {
  if (link.source === link.target) return "A node cannot feed itself.";
  if (!compatible(from, to)) return `This input takes ${to}, not ${from}.`;
  if (closesCircle(graph, link.source, link.target)) return "This link would close a circle.";
  return "";
}

/** What a copy takes along: nodes, and the links among them; with `outside`, also links from other nodes. */
export interface Clipping {
  readonly nodes: readonly GraphNode[];
  readonly links: readonly Link[];
}

export function clip(graph: Graph, ids: Iterable<string>): Clipping {
  const chosen = new Set(ids);
  return {
    nodes: Object.values(graph.nodes).filter((node) => chosen.has(node.id)),
    links: Object.values(graph.links).filter((link) => chosen.has(link.target)),
  };
}

/** Put a clipping in, moved by an offset; gives the ids of what came. */
export function paste(
  graph: Graph,
  clipping: Clipping,
  offset: Point,
  options: { readonly outside: boolean },
): { graph: Graph; ids: string[] } {
  const ids = new Map<string, string>();
  const nodes = { ...graph.nodes };
  let next = Number(freshId(graph));
  for (const node of clipping.nodes) {
    const id = String(next++);
    ids.set(node.id, id);
    nodes[id] = { ...node, id, pos: [node.pos[0] + offset[0], node.pos[1] + offset[1]] };
  }
  const links = { ...graph.links };
  for (const link of clipping.links) {
    const target = ids.get(link.target)!;
    const source = ids.get(link.source) ?? (options.outside && link.source in graph.nodes ? link.source : undefined);
    if (source !== undefined) links[linkId(target, link.input)] = { ...link, source, target };
  }
  return { graph: { ...graph, nodes, links }, ids: [...ids.values()] };
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
