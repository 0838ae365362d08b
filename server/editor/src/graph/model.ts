/** A workflow as the editor holds it. Values are never changed in place: an edit makes a new workflow that shares what stayed. */

import type { Json, JsonObject } from "../json";

export type Point = readonly [number, number];
export type Mode = "mute" | "bypass";
export type Control = "fixed" | "randomize" | "increment" | "decrement";

export interface GraphNode {
  readonly id: string;
  readonly classType: string;
  readonly pos: Point;
  readonly size?: Point;
  readonly title?: string;
  readonly mode?: Mode;
  readonly collapsed?: boolean;
  readonly color?: string;
  readonly pinned?: boolean;
  /** What happens to a number after it was queued. */
  readonly control?: Readonly<Record<string, Control>>;
  /** Literal inputs. One that is linked keeps its last literal here; it is not saved. */
  readonly values: Readonly<Record<string, Json>>;
  /** Keys of `_meta` and of the node that this editor does not know: kept as they are. */
  readonly meta?: JsonObject;
  readonly rest?: JsonObject;
}

export interface Link {
  readonly source: string;
  readonly output: number;
  readonly target: string;
  readonly input: string;
}

export interface Group {
  readonly id: string;
  readonly title: string;
  readonly bounding: readonly [number, number, number, number];
  readonly color?: string;
  readonly rest?: JsonObject;
}

export interface Note {
  readonly id: string;
  readonly text: string;
  readonly pos: Point;
  readonly size: Point;
  readonly rest?: JsonObject;
}

/** A point on a link: only looks. */
export interface Reroute {
  readonly id: string;
  readonly pos: Point;
  readonly link: string;
}

export interface Graph {
  readonly nodes: Readonly<Record<string, GraphNode>>;
  /** By `linkId`: an input takes one link. */
  readonly links: Readonly<Record<string, Link>>;
  readonly groups: Readonly<Record<string, Group>>;
  readonly notes: Readonly<Record<string, Note>>;
  readonly reroutes: Readonly<Record<string, Reroute>>;
}

export interface NamedInput {
  readonly node: string;
  readonly input: string;
  readonly title?: string;
  readonly help?: string;
  readonly order?: number;
  readonly rest?: JsonObject;
}

export interface NamedOutput {
  readonly node: string;
  /** Absent: the node is an output node. */
  readonly output?: number;
}

export interface SubgraphInput {
  readonly type: string;
  readonly to: readonly (readonly [string, string])[];
}

export interface Subgraph {
  readonly id: string;
  readonly title: string;
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, SubgraphInput>>;
  readonly outputs: Readonly<Record<string, readonly [string, number]>>;
  /** Inner widgets that an instance shows: name -> [inner node, input]. */
  readonly exposed: Readonly<Record<string, readonly [string, string]>>;
  readonly rest?: JsonObject;
}

export interface Workflow {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly graph: Graph;
  readonly subgraphs: Readonly<Record<string, Subgraph>>;
  readonly inputs: Readonly<Record<string, NamedInput>>;
  readonly outputs: Readonly<Record<string, NamedOutput>>;
  readonly viewport?: { readonly pos: Point; readonly zoom: number };
  /** Keys of `_workflow` that this editor does not edit (author, tags, requires, …). */
  readonly rest: JsonObject;
}

export const SUBGRAPH = "subgraph:";

export const EMPTY_GRAPH: Graph = { nodes: {}, links: {}, groups: {}, notes: {}, reroutes: {} };

export function linkId(target: string, input: string): string {
  return `${target}\u0001${input}`;
}

export function emptyWorkflow(title = "Untitled"): Workflow {
  return {
    id: crypto.randomUUID(),
    title,
    description: "",
    graph: EMPTY_GRAPH,
    subgraphs: {},
    inputs: {},
    outputs: {},
    rest: {},
  };
}

/** The definition that a node is an instance of, if it is one. */
export function subgraphOf(node: GraphNode): string | undefined {
  return node.classType.startsWith(SUBGRAPH) ? node.classType.slice(SUBGRAPH.length) : undefined;
}

/** The graph that is looked at: the outermost one, or the inside of the last of `path`'s definitions. */
export function graphAt(workflow: Workflow, path: readonly string[]): Graph {
  const last = path.at(-1);
  return last === undefined ? workflow.graph : (workflow.subgraphs[last]?.graph ?? EMPTY_GRAPH);
}

export function withGraphAt(workflow: Workflow, path: readonly string[], graph: Graph): Workflow {
  const last = path.at(-1);
  if (last === undefined) return { ...workflow, graph };
  const definition = workflow.subgraphs[last];
  if (!definition) return workflow;
  return { ...workflow, subgraphs: { ...workflow.subgraphs, [last]: { ...definition, graph } } };
}

/** The links that lead to each node. */
export function linksByTarget(graph: Graph): Map<string, Link[]> {
  const found = new Map<string, Link[]>();
  for (const link of Object.values(graph.links)) {
    const links = found.get(link.target);
    if (links) links.push(link);
    else found.set(link.target, [link]);
  }
  return found;
}
