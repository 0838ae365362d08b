/**
 * Sub-graphs: a selection put into a definition, and an instance taken apart again.
 *
 * Both keep what the graph computes: links that cross become named inputs and outputs, values stay with the
 * inner nodes, and names of the workflow (or of the definition around) lead to where their places went.
 */

import { contentOf } from "./groups";
import { freeName, renamed, without } from "./names";
import { freshId, usesOf } from "./ops";
import {
  EMPTY_GRAPH,
  SUBGRAPH,
  graphAt,
  linkId,
  subgraphOf,
  withGraphAt,
  type Control,
  type Graph,
  type GraphNode,
  type Link,
  type NamedInput,
  type NamedOutput,
  type Point,
  type Subgraph,
  type SubgraphInput,
  type Workflow,
} from "./model";

/** What sockets are called and what goes through them. */
export interface Sockets {
  outputType(node: string, output: number): string;
  outputName(node: string, output: number): string;
  inputType(node: string, input: string): string;
}

type Place = readonly [string, string];
type Outlet = readonly [string, number];

/** The face of a definition while it is being made: places become names. */
class Face {
  readonly inputs: Record<string, SubgraphInput> = {};
  readonly outputs: Record<string, Outlet> = {};
  readonly exposed: Record<string, Place> = {};

  input(wanted: string, type: string, to: readonly Place[]): string {
    const name = freeName(wanted, [...Object.keys(this.inputs), ...Object.keys(this.exposed)]);
    this.inputs[name] = { type, to };
    return name;
  }

  /** The index of an output, which is added when it is not there. */
  output(node: string, output: number, wanted: string): number {
    const known = Object.values(this.outputs).findIndex(([each, index]) => each === node && index === output);
    if (known >= 0) return known;
    this.outputs[freeName(wanted, Object.keys(this.outputs))] = [node, output];
    return Object.keys(this.outputs).length - 1;
  }

  /** The name under which a widget shows on instances. */
  expose(node: string, input: string, wanted = input): string {
    const places: (readonly [string, readonly Place[]])[] = [
      ...Object.entries(this.exposed).map(([name, place]) => [name, [place]] as const),
      ...Object.entries(this.inputs).map(([name, { to }]) => [name, to] as const),
    ];
    const known = places.find(([, to]) => to.some(([each, name]) => each === node && name === input));
    if (known) return known[0];
    const name = freeName(wanted, [...Object.keys(this.inputs), ...Object.keys(this.exposed)]);
    this.exposed[name] = [node, input];
    return name;
  }
}

/** Put nodes (and the notes and groups among the ids) into a new definition, and an instance in their place. */
export function makeSubgraph(
  workflow: Workflow,
  path: readonly string[],
  ids: Iterable<string>,
  title: string,
  sockets: Sockets,
): { workflow: Workflow; instance: string; definition: string } | undefined {
  const graph = graphAt(workflow, path);
  const chosen = new Set(ids);
  const inner = Object.values(graph.nodes).filter((node) => chosen.has(node.id));
  if (!inner.length) return undefined;
  const inside = (id: string) => chosen.has(id) && id in graph.nodes;
  const instance = freshId(graph);
  const face = new Face();
  const links: Record<string, Link> = {};
  const innerLinks: Record<string, Link> = {};
  const incoming = new Map<string, Link[]>();
  for (const [id, link] of Object.entries(graph.links)) {
    if (inside(link.source) && inside(link.target)) innerLinks[id] = link;
    else if (inside(link.target)) {
      const from = `${link.source}\u0001${link.output}`;
      incoming.set(from, [...(incoming.get(from) ?? []), link]);
    } else if (!inside(link.source)) links[id] = link;
  }
  for (const those of incoming.values()) {
    const [first] = those as [Link];
    const type = sockets.outputType(first.source, first.output);
    const name = face.input(
      first.input,
      type === "*" ? sockets.inputType(first.target, first.input) : type,
      those.map((link) => [link.target, link.input]),
    );
    links[linkId(instance, name)] = { source: first.source, output: first.output, target: instance, input: name };
  }
  const outlet = (node: string, output: number) => face.output(node, output, sockets.outputName(node, output));
  for (const [id, link] of Object.entries(graph.links))
    if (inside(link.source) && !inside(link.target))
      links[id] = { ...link, source: instance, output: outlet(link.source, link.output) };

  const bound = inner.reduce(([x, y], { pos }): Point => [Math.min(x, pos[0]), Math.min(y, pos[1])], inner[0]!.pos);
  const definition = crypto.randomUUID().slice(0, 8);
  const within = <T extends { id: string }>(record: Readonly<Record<string, T>>, yes: boolean) =>
    Object.fromEntries(Object.entries(record).filter(([id]) => chosen.has(id) === yes));
  const named = renamePlaces(workflow, path, inside, instance, {
    input: (node, input, name) => [[instance, face.expose(node, input, name)]],
    socket: (places) => {
      const [first] = places as [Place];
      return [[instance, face.input(first[1], sockets.inputType(...first), places)]];
    },
    output: (node, output) => [instance, outlet(node, output)],
    node: (id) => `${instance}:${id}`,
  });
  // A seed that changes after each run is counted on by the instance: it shows there.
  const control: Record<string, Control> = {};
  const values: Record<string, GraphNode["values"][string]> = {};
  for (const node of inner)
    for (const [input, each] of Object.entries(node.control ?? {}))
      if (each !== "fixed" && node.values[input] !== undefined && !(linkId(node.id, input) in graph.links)) {
        const name = face.expose(node.id, input);
        control[name] = each;
        values[name] = node.values[input];
      }

  const made: Subgraph = {
    id: definition,
    title,
    graph: {
      nodes: within(graph.nodes, true),
      links: innerLinks,
      groups: within(graph.groups, true),
      notes: within(graph.notes, true),
      reroutes: Object.fromEntries(Object.entries(graph.reroutes).filter(([, each]) => each.link in innerLinks)),
    },
    inputs: face.inputs,
    outputs: face.outputs,
    exposed: face.exposed,
  };
  const node: GraphNode = {
    id: instance,
    classType: SUBGRAPH + definition,
    pos: bound,
    values,
    ...(Object.keys(control).length && { control }),
  };
  const outer: Graph = {
    nodes: { ...within(graph.nodes, false), [instance]: node },
    links,
    groups: within(graph.groups, false),
    notes: within(graph.notes, false),
    reroutes: Object.fromEntries(Object.entries(graph.reroutes).filter(([, each]) => each.link in links)),
  };
  const put = { ...named, subgraphs: { ...named.subgraphs, [definition]: made } };
  return { workflow: withGraphAt(put, path, outer), instance, definition };
}

/** Take an instance apart: its inner nodes come in its place. Undefined for what cannot be. */
export function expandSubgraph(workflow: Workflow, path: readonly string[], id: string): { workflow: Workflow; ids: string[] } | undefined {
  const graph = graphAt(workflow, path);
  const instance = graph.nodes[id];
  const definition = instance && workflow.subgraphs[subgraphOf(instance) ?? ""];
  if (!instance || !definition || instance.mode === "bypass") return undefined;
  const nodes: Record<string, GraphNode> = without(graph.nodes, id);
  const next = new Map<string, string>();
  let number = Number(freshId(graph));
  for (const inner of Object.keys(definition.graph.nodes)) next.set(inner, String(number++));
  const shift = offsetOf(definition.graph, instance.pos);
  const moved = ([x, y]: Point): Point => [x + shift[0], y + shift[1]];

  const targets = (name: string): Place[] => {
    const exposed = definition.exposed[name];
    return (exposed ? [exposed] : (definition.inputs[name]?.to ?? [])).map(([inner, input]) => [next.get(inner) ?? inner, input]);
  };
  for (const node of Object.values(definition.graph.nodes)) {
    const mode = instance.mode ?? node.mode;
    nodes[next.get(node.id)!] = { ...node, id: next.get(node.id)!, pos: moved(node.pos), ...(mode && { mode }) };
  }
  const links: Record<string, Link> = {};
  const where = new Map<string, string>();
  for (const [old, link] of Object.entries(definition.graph.links)) {
    const [source, target] = [next.get(link.source), next.get(link.target)];
    if (source === undefined || target === undefined) continue;
    where.set(old, linkId(target, link.input));
    links[linkId(target, link.input)] = { ...link, source, target };
  }
  for (const [name, value] of Object.entries(instance.values))
    if (!(linkId(id, name) in graph.links))
      for (const [inner, input] of targets(name)) {
        delete links[linkId(inner, input)];
        const node = nodes[inner];
        const control = instance.control?.[name];
        if (node)
          nodes[inner] = { ...node, values: { ...node.values, [input]: value }, ...(control && { control: { ...node.control, [input]: control } }) };
      }
  const outlets = Object.values(definition.outputs).map(([inner, output]): Outlet => [next.get(inner) ?? inner, output]);
  for (const [old, link] of Object.entries(graph.links)) {
    const outlet = link.source === id ? outlets[link.output] : undefined;
    if (link.source === id && !outlet) continue;
    const [source, output] = outlet ?? [link.source, link.output];
    if (link.target !== id) links[old] = { ...link, source, output };
    else for (const [inner, input] of targets(link.input)) links[linkId(inner, input)] = { source, output, target: inner, input };
  }
  const reroutes = { ...graph.reroutes };
  for (const reroute of Object.values(definition.graph.reroutes)) {
    const link = where.get(reroute.link);
    const key = fresh(reroute.id, reroutes);
    if (link) reroutes[key] = { id: key, link, pos: moved(reroute.pos) };
  }
  const groups = { ...graph.groups };
  for (const group of Object.values(definition.graph.groups)) {
    const key = fresh(group.id, groups);
    const [x, y] = moved([group.bounding[0], group.bounding[1]]);
    groups[key] = { ...group, id: key, bounding: [x, y, group.bounding[2], group.bounding[3]] };
  }
  const notes = { ...graph.notes };
  for (const note of Object.values(definition.graph.notes)) {
    const key = fresh(note.id, notes);
    notes[key] = { ...note, id: key, pos: moved(note.pos) };
  }
  const named = renamePlaces(workflow, path, (each) => each === id, id, {
    input: (_node, input) => targets(input),
    socket: (places) => places.flatMap(([, input]) => targets(input)),
    output: (_node, output) => outlets[output],
    node: (each) => {
      const [, inner = "", ...rest] = each.split(":");
      return [next.get(inner) ?? inner, ...rest].join(":");
    },
  });
  const kept = Object.fromEntries(Object.entries(reroutes).filter(([, each]) => each.link in links));
  const put = withGraphAt(named, path, { nodes, links, groups, notes, reroutes: kept });
  return { workflow: usesOf(put, definition.id) ? put : dropDefinition(put, definition.id), ids: [...next.values()] };
}

interface Moves {
  input(node: string, input: string, name: string): readonly Place[];
  socket(places: readonly Place[]): readonly Place[];
  output(node: string, output: number): Outlet | undefined;
  node(id: string): string;
}

/** Names of the workflow, or of the definition around, that led to places which moved. */
function renamePlaces(
  workflow: Workflow,
  path: readonly string[],
  gone: (id: string) => boolean,
  instance: string,
  moves: Moves,
): Workflow {
  const around = path.at(-1);
  const definition = around === undefined ? undefined : workflow.subgraphs[around];
  if (definition) {
    const inputs = Object.fromEntries(
      Object.entries(definition.inputs).map(([name, { type, to }]) => {
        const those = to.filter(([node]) => gone(node));
        return [name, { type, to: those.length ? [...to.filter(([node]) => !gone(node)), ...moves.socket(those)] : to }];
      }),
    );
    const outputs = Object.fromEntries(
      Object.entries(definition.outputs).map(([name, [node, output]]) => [name, (gone(node) && moves.output(node, output)) || ([node, output] as const)]),
    );
    const exposed = Object.fromEntries(
      Object.entries(definition.exposed).map(([name, [node, input]]) => [name, (gone(node) && moves.input(node, input, name)[0]) || ([node, input] as const)]),
    );
    return { ...workflow, subgraphs: { ...workflow.subgraphs, [definition.id]: { ...definition, inputs, outputs, exposed } } };
  }
  const inputs: Record<string, NamedInput> = {};
  for (const [name, input] of Object.entries(workflow.inputs)) {
    const to = gone(input.node) ? moves.input(input.node, input.input, name)[0] : undefined;
    inputs[name] = to ? { ...input, node: to[0], input: to[1] } : input;
  }
  const outputs: Record<string, NamedOutput> = {};
  for (const [name, each] of Object.entries(workflow.outputs)) {
    const [outer = ""] = each.node.split(":");
    if (!gone(outer)) outputs[name] = each;
    else if (each.output === undefined) outputs[name] = { node: each.node === instance ? instance : moves.node(each.node) };
    else {
      const to = moves.output(each.node, each.output);
      outputs[name] = to ? { node: to[0], output: to[1] } : each;
    }
  }
  return { ...workflow, inputs, outputs };
}

/** What moves the inside of a definition so that it begins where the instance stood. */
function offsetOf(graph: Graph, to: Point): Point {
  const places = Object.values(graph.nodes).map((node) => node.pos);
  if (!places.length) return [0, 0];
  return [to[0] - Math.min(...places.map(([x]) => x)), to[1] - Math.min(...places.map(([, y]) => y))];
}

function fresh(id: string, taken: Readonly<Record<string, unknown>>): string {
  return id in taken ? `${id}-${crypto.randomUUID().slice(0, 4)}` : id;
}

export function changeDefinition(workflow: Workflow, id: string, change: Partial<Subgraph>): Workflow {
  const definition = workflow.subgraphs[id];
  return definition ? { ...workflow, subgraphs: { ...workflow.subgraphs, [id]: { ...definition, ...change } } } : workflow;
}

/** Take a definition out, and those that only it used. */
export function dropDefinition(workflow: Workflow, id: string): Workflow {
  const definition = workflow.subgraphs[id];
  if (!definition) return workflow;
  let left: Workflow = { ...workflow, subgraphs: without(workflow.subgraphs, id) };
  for (const inner of usedBy(definition.graph)) if (!usesOf(left, inner)) left = dropDefinition(left, inner);
  return left;
}

function usedBy(graph: Graph): Set<string> {
  return new Set(Object.values(graph.nodes).flatMap((node) => subgraphOf(node) ?? []));
}

/** The definitions that a definition is made from, itself too. */
export function definitionsWithin(workflow: Workflow, id: string): Set<string> {
  const seen = new Set([id]);
  for (const each of seen) for (const inner of usedBy(workflow.subgraphs[each]?.graph ?? EMPTY_GRAPH)) seen.add(inner);
  return seen;
}

/** Whether an instance may stand there: a definition cannot hold itself. */
export function mayHold(workflow: Workflow, path: readonly string[], definition: string): boolean {
  const within = definitionsWithin(workflow, definition);
  return !path.some((each) => within.has(each));
}

/** Show an inner widget on the instances, or no longer. */
export function toggleExposed(workflow: Workflow, id: string, node: string, input: string): Workflow {
  const definition = workflow.subgraphs[id];
  if (!definition) return workflow;
  const known = exposedAs(definition, node, input);
  if (known !== undefined) return removeInlet(workflow, id, known);
  const name = freeName(input, [...Object.keys(definition.inputs), ...Object.keys(definition.exposed)]);
  return changeDefinition(workflow, id, { exposed: { ...definition.exposed, [name]: [node, input] } });
}

export function exposedAs(definition: Subgraph, node: string, input: string): string | undefined {
  return Object.entries(definition.exposed).find(([, [each, name]]) => each === node && name === input)?.[0];
}

/** Let an inner socket be fed from outside. */
export function addInlet(workflow: Workflow, id: string, node: string, input: string, type: string): Workflow {
  const definition = workflow.subgraphs[id];
  if (!definition) return workflow;
  const name = freeName(input, [...Object.keys(definition.inputs), ...Object.keys(definition.exposed)]);
  return changeDefinition(workflow, id, { inputs: { ...definition.inputs, [name]: { type, to: [[node, input]] } } });
}

/** Give an inner output to the outside. */
export function addOutlet(workflow: Workflow, id: string, node: string, output: number, wanted: string): Workflow {
  const definition = workflow.subgraphs[id];
  if (!definition) return workflow;
  const name = freeName(wanted, Object.keys(definition.outputs));
  return changeDefinition(workflow, id, { outputs: { ...definition.outputs, [name]: [node, output] } });
}

/** Take away an input or an exposed widget, with the links and values that instances gave it. */
export function removeInlet(workflow: Workflow, id: string, name: string): Workflow {
  const definition = workflow.subgraphs[id];
  if (!definition) return workflow;
  const changed = changeDefinition(workflow, id, {
    inputs: without(definition.inputs, name),
    exposed: without(definition.exposed, name),
  });
  return onInstances(changed, id, (graph, node) => ({
    ...graph,
    links: without(graph.links, linkId(node.id, name)),
    nodes: { ...graph.nodes, [node.id]: { ...node, values: without(node.values, name), ...(node.control && { control: without(node.control, name) }) } },
  }));
}

/** Take away an output; links from later ones keep their source. */
export function removeOutlet(workflow: Workflow, id: string, name: string): Workflow {
  const definition = workflow.subgraphs[id];
  const index = definition ? Object.keys(definition.outputs).indexOf(name) : -1;
  if (!definition || index < 0) return workflow;
  const changed = changeDefinition(workflow, id, { outputs: without(definition.outputs, name) });
  const moved = onInstances(changed, id, (graph, node) => {
    const links: Record<string, Link> = {};
    for (const [key, link] of Object.entries(graph.links)) {
      if (link.source !== node.id || link.output < index) links[key] = link;
      else if (link.output > index) links[key] = { ...link, output: link.output - 1 };
    }
    return { ...graph, links };
  });
  const outputs: Record<string, NamedOutput> = {};
  for (const [key, each] of Object.entries(moved.outputs)) {
    const node = moved.graph.nodes[each.node];
    if (!node || subgraphOf(node) !== id || each.output === undefined || each.output < index) outputs[key] = each;
    else if (each.output > index) outputs[key] = { ...each, output: each.output - 1 };
  }
  return { ...moved, outputs };
}

/** Another name for an input or an exposed widget; what instances gave it stays. */
export function renameInlet(workflow: Workflow, id: string, before: string, after: string): Workflow {
  const definition = workflow.subgraphs[id];
  if (!definition || !after || after in definition.inputs || after in definition.exposed) return workflow;
  const changed = changeDefinition(workflow, id, {
    inputs: renamed(definition.inputs, before, after),
    exposed: renamed(definition.exposed, before, after),
  });
  const moved = onInstances(changed, id, (graph, node) => {
    const { [linkId(node.id, before)]: link, ...links } = graph.links;
    return {
      ...graph,
      links: link ? { ...links, [linkId(node.id, after)]: { ...link, input: after } } : links,
      nodes: {
        ...graph.nodes,
        [node.id]: { ...node, values: renamed(node.values, before, after), ...(node.control && { control: renamed(node.control, before, after) }) },
      },
    };
  });
  const inputs = Object.fromEntries(
    Object.entries(moved.inputs).map(([name, each]) => {
      const node = moved.graph.nodes[each.node];
      return [name, node && subgraphOf(node) === id && each.input === before ? { ...each, input: after } : each];
    }),
  );
  return { ...moved, inputs };
}

export function renameOutlet(workflow: Workflow, id: string, before: string, after: string): Workflow {
  const definition = workflow.subgraphs[id];
  return definition && after ? changeDefinition(workflow, id, { outputs: renamed(definition.outputs, before, after) }) : workflow;
}

/** A change of every graph that holds instances of a definition. */
function onInstances(workflow: Workflow, id: string, change: (graph: Graph, node: GraphNode) => Graph): Workflow {
  const all = (graph: Graph): Graph => {
    let changed = graph;
    for (const node of Object.values(graph.nodes))
      if (subgraphOf(node) === id) {
        changed = change(changed, changed.nodes[node.id]!);
        const links = changed.links;
        changed = { ...changed, reroutes: Object.fromEntries(Object.entries(changed.reroutes).filter(([, each]) => each.link in links)) };
      }
    return changed;
  };
  return {
    ...workflow,
    graph: all(workflow.graph),
    subgraphs: Object.fromEntries(Object.entries(workflow.subgraphs).map(([key, each]) => [key, { ...each, graph: all(each.graph) }])),
  };
}

/** The ids that a group's content adds to a selection. */
export function withContent(graph: Graph, ids: Iterable<string>): Set<string> {
  const all = new Set(ids);
  for (const id of [...all]) if (graph.groups[id]) for (const inside of contentOf(graph, graph.groups[id])) all.add(inside);
  return all;
}
