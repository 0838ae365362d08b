/** What copy takes along and paste puts in: a small workflow, which travels as a document's text. */

import { isObject, parseJson, toJson, type Json } from "../json";
import { isDocument, readDocument, writeDocument } from "./document";
import { definitionsWithin, mayHold } from "./subgraphs";
import { freshId } from "./ops";
import {
  emptyWorkflow,
  graphAt,
  linkId,
  SUBGRAPH,
  subgraphOf,
  withGraphAt,
  type Graph,
  type GraphNode,
  type Link,
  type Point,
  type Subgraph,
  type Workflow,
} from "./model";

/** Nodes, notes and groups with the links that lead to them, and the definitions that they use. It knows whence it came. */
export function clippingOf(workflow: Workflow, path: readonly string[], ids: Iterable<string>): Workflow {
  const graph = graphAt(workflow, path);
  const chosen = new Set(ids);
  const some = <T>(record: Readonly<Record<string, T>>) => Object.fromEntries(Object.entries(record).filter(([id]) => chosen.has(id)));
  const nodes = some(graph.nodes);
  const links = Object.fromEntries(Object.entries(graph.links).filter(([, link]) => link.target in nodes));
  const used = new Set(Object.values(nodes).flatMap((node) => [...definitionsWithin(workflow, subgraphOf(node) ?? "")]));
  return {
    ...emptyWorkflow(workflow.title),
    graph: {
      nodes,
      links,
      groups: some(graph.groups),
      notes: some(graph.notes),
      reroutes: Object.fromEntries(
        Object.entries(graph.reroutes).filter(([, { link }]) => link in links && graph.links[link]!.source in nodes),
      ),
    },
    subgraphs: Object.fromEntries(Object.entries(workflow.subgraphs).filter(([id]) => used.has(id))),
    rest: { clipping: [workflow.id, ...path] },
  };
}

export function isEmpty({ graph }: Workflow): boolean {
  return ![graph.nodes, graph.notes, graph.groups].some((record) => Object.keys(record).length);
}

export function writeClipping(clipping: Workflow): string {
  return toJson(writeDocument(clipping), 1);
}

/** The JSON of a text, when it is JSON at all. */
export function readText(text: string): Json | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** A clipping, when a value is one (and no whole workflow). */
export function readClipping(value: Json): Workflow | undefined {
  if (!isDocument(value) || !isObject(value["_workflow"]) || !("clipping" in value["_workflow"])) return undefined;
  return readDocument(value);
}

export interface Pasted {
  readonly workflow: Workflow;
  readonly ids: readonly string[];
  /** Titles of sub-graphs that could not be put here, since they would hold themselves. */
  readonly refused: readonly string[];
}

/** Put a clipping in, moved by an offset. With `outside`, links from nodes that stayed behind are kept where they lead to the same workflow. */
export function insertClipping(
  workflow: Workflow,
  path: readonly string[],
  clipping: Workflow,
  offset: Point,
  options: { readonly outside: boolean },
): Pasted {
  const definitions = new Map<string, string>();
  const subgraphs: Record<string, Subgraph> = { ...workflow.subgraphs };
  for (const each of Object.values(clipping.subgraphs)) {
    const known = subgraphs[each.id];
    definitions.set(each.id, !known || sameDefinition(known, each) ? each.id : crypto.randomUUID().slice(0, 8));
  }
  const renamedGraph = (graph: Graph): Graph => ({
    ...graph,
    nodes: Object.fromEntries(Object.entries(graph.nodes).map(([id, node]) => [id, instanceOf(node, definitions)])),
  });
  for (const each of Object.values(clipping.subgraphs)) {
    const id = definitions.get(each.id)!;
    subgraphs[id] ??= { ...each, id, graph: renamedGraph(each.graph) };
  }
  const grown = { ...workflow, subgraphs };
  const graph = graphAt(workflow, path);
  const from = clipping.rest["clipping"];
  const home = Array.isArray(from) && from[0] === workflow.id && from.slice(1).join("/") === path.join("/");
  const ids = new Map<string, string>();
  const nodes: Record<string, GraphNode> = { ...graph.nodes };
  const refused: string[] = [];
  const moved = ([x, y]: Point): Point => [x + offset[0], y + offset[1]];
  let next = Number(freshId(graph));
  for (const raw of Object.values(clipping.graph.nodes)) {
    const node = instanceOf(raw, definitions);
    const definition = subgraphOf(node);
    if (definition !== undefined && !mayHold(grown, path, definition)) {
      refused.push(subgraphs[definition]?.title ?? definition);
      continue;
    }
    const id = String(next++);
    ids.set(raw.id, id);
    nodes[id] = { ...node, id, pos: moved(node.pos) };
  }
  const links: Record<string, Link> = { ...graph.links };
  const led = new Map<string, string>();
  for (const [old, link] of Object.entries(clipping.graph.links)) {
    const target = ids.get(link.target);
    const source = ids.get(link.source) ?? (options.outside && home && link.source in graph.nodes ? link.source : undefined);
    if (target === undefined || source === undefined) continue;
    led.set(old, linkId(target, link.input));
    links[linkId(target, link.input)] = { ...link, source, target };
  }
  const groups = { ...graph.groups };
  const notes = { ...graph.notes };
  const reroutes = { ...graph.reroutes };
  const fresh = (kind: string) => `${kind}-${crypto.randomUUID().slice(0, 8)}`;
  const looks: string[] = [];
  for (const group of Object.values(clipping.graph.groups)) {
    const id = fresh("group");
    const [x, y] = moved([group.bounding[0], group.bounding[1]]);
    groups[id] = { ...group, id, bounding: [x, y, group.bounding[2], group.bounding[3]] };
    looks.push(id);
  }
  for (const note of Object.values(clipping.graph.notes)) {
    const id = fresh("note");
    notes[id] = { ...note, id, pos: moved(note.pos) };
    looks.push(id);
  }
  for (const reroute of Object.values(clipping.graph.reroutes)) {
    const link = led.get(reroute.link);
    const id = fresh("reroute");
    if (link) reroutes[id] = { id, link, pos: moved(reroute.pos) };
  }
  const put = withGraphAt(grown, path, { nodes, links, groups, notes, reroutes });
  return { workflow: put, ids: [...ids.values(), ...looks], refused };
}

function instanceOf(node: GraphNode, definitions: ReadonlyMap<string, string>): GraphNode {
  const definition = definitions.get(subgraphOf(node) ?? "");
  return definition === undefined ? node : { ...node, classType: SUBGRAPH + definition };
}

function sameDefinition(a: Subgraph, b: Subgraph): boolean {
  const text = (each: Subgraph) => toJson(writeDocument({ ...emptyWorkflow(), id: "", subgraphs: { [each.id]: each } }));
  return text(a) === text(b);
}
