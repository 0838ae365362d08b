/** What is different between two workflows, node by node; where things stand and how they look is no difference. */

import { sameJson, type Json } from "../json";
import { linksByTarget, type Graph, type GraphNode, type Workflow } from "./model";

export type DiffKind = "added" | "removed" | "changed";

export interface Change {
  /** An input, or `title`, `mode`, `control`. */
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface NodeDiff {
  readonly kind: DiffKind;
  readonly id: string;
  readonly title: string;
  readonly classType: string;
  /** The definition that it is in; empty for the outermost graph. */
  readonly within: string;
  readonly changes: readonly Change[];
}

export interface Diff {
  readonly nodes: readonly NodeDiff[];
  /** What is said of the workflow itself: its title, its named inputs and outputs. */
  readonly about: readonly Change[];
}

const NOTHING = "none";

export function diff(before: Workflow, after: Workflow): Diff {
  const definitions = new Set([...Object.keys(before.subgraphs), ...Object.keys(after.subgraphs)]);
  const nodes = diffGraphs(before.graph, after.graph, "");
  for (const id of definitions) {
    const [a, b] = [before.subgraphs[id]?.graph, after.subgraphs[id]?.graph];
    if (a !== b) nodes.push(...diffGraphs(a, b, id));
  }
  return { nodes, about: diffAbout(before, after) };
}

function diffGraphs(before: Graph | undefined, after: Graph | undefined, within: string): NodeDiff[] {
  const found: NodeDiff[] = [];
  const linksBefore = before ? linksByTarget(before) : new Map<string, never[]>();
  const linksAfter = after ? linksByTarget(after) : new Map<string, never[]>();
  for (const node of Object.values(after?.nodes ?? {})) {
    const old = before?.nodes[node.id];
    if (!old) found.push(entry("added", node, within));
    else if (old.classType !== node.classType) found.push(entry("removed", old, within), entry("added", node, within));
    else {
      const changes = diffNodes(old, node, linked(linksBefore.get(node.id)), linked(linksAfter.get(node.id)));
      if (changes.length) found.push(entry("changed", node, within, changes));
    }
  }
  for (const node of Object.values(before?.nodes ?? {})) if (!after || !(node.id in after.nodes)) found.push(entry("removed", node, within));
  return found;
}

type Links = Readonly<Record<string, string>>;

function linked(links: readonly { source: string; output: number; input: string }[] | undefined): Links {
  return Object.fromEntries((links ?? []).map((link) => [link.input, `from node ${link.source}, output ${link.output}`]));
}

function diffNodes(before: GraphNode, after: GraphNode, linksBefore: Links, linksAfter: Links): Change[] {
  const changes: Change[] = [];
  const names = new Set([...Object.keys(before.values), ...Object.keys(after.values), ...Object.keys(linksBefore), ...Object.keys(linksAfter)]);
  for (const name of names) {
    const a = linksBefore[name] ?? before.values[name];
    const b = linksAfter[name] ?? after.values[name];
    const same = name in linksBefore === name in linksAfter && sameJson(a, b);
    if (!same) changes.push({ name, before: shown(a), after: shown(b) });
  }
  for (const key of ["title", "mode", "control"] as const)
    if (!sameJson(before[key], after[key])) changes.push({ name: key, before: shown(before[key] as Json | undefined), after: shown(after[key] as Json | undefined) });
  return changes;
}

function diffAbout(before: Workflow, after: Workflow): Change[] {
  const changes: Change[] = [];
  for (const key of ["title", "description"] as const)
    if (before[key] !== after[key]) changes.push({ name: key, before: shown(before[key]), after: shown(after[key]) });
  for (const key of ["inputs", "outputs"] as const)
    for (const name of new Set([...Object.keys(before[key]), ...Object.keys(after[key])])) {
      const [a, b] = [before[key][name], after[key][name]];
      if (!sameJson(a, b)) changes.push({ name: `${key === "inputs" ? "input" : "output"} ${name}`, before: place(a), after: place(b) });
    }
  return changes;
}

function place(named: { node: string; input?: string; output?: number } | undefined): string {
  if (!named) return NOTHING;
  return `node ${named.node}${named.input === undefined ? "" : `, ${named.input}`}${named.output === undefined ? "" : `, output ${named.output}`}`;
}

function entry(kind: DiffKind, node: GraphNode, within: string, changes: readonly Change[] = []): NodeDiff {
  return { kind, id: node.id, title: node.title ?? node.classType, classType: node.classType, within, changes };
}

function shown(value: Json | undefined): string {
  if (value === undefined || value === "") return NOTHING;
  if (typeof value === "object" && value !== null)
    return JSON.stringify(value, (_key, each: unknown) => (typeof each === "bigint" ? String(each) : each));
  return String(value);
}
