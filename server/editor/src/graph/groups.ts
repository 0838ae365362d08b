/** Groups take along what lies in them. */

import { moveNodes } from "./ops";
import type { Graph, Group, Point } from "./model";

/** What lies in a group: nodes and notes by their top left corner, other groups when they fit in whole. */
export function contentOf(graph: Graph, group: Group): string[] {
  const [left, top, width, height] = group.bounding;
  const within = (x: number, y: number) => x >= left && x <= left + width && y >= top && y <= top + height;
  const placed = [...Object.values(graph.nodes), ...Object.values(graph.notes)];
  return [
    ...placed.filter(({ pos }) => within(pos[0], pos[1])).map((each) => each.id),
    ...Object.values(graph.groups)
      .filter(({ id, bounding: [x, y, w, h] }) => id !== group.id && within(x, y) && within(x + w, y + h))
      .map((each) => each.id),
  ];
}

/** Where everything goes when these things go there: the content of groups comes along, unless it is pinned. */
export function carried(graph: Graph, positions: Readonly<Record<string, Point>>): Record<string, Point> {
  const all: Record<string, Point> = { ...positions };
  const shifts = new Map<string, Point>();
  for (const [id, [x, y]] of Object.entries(positions)) {
    const group = graph.groups[id];
    if (!group) continue;
    const [left, top] = group.bounding;
    for (const inside of contentOf(graph, group)) if (!shifts.has(inside)) shifts.set(inside, [x - left, y - top]);
  }
  for (const [id, [dx, dy]] of shifts) {
    const at = placeOf(graph, id);
    if (at && !(id in positions) && !graph.nodes[id]?.pinned) all[id] = [at[0] + dx, at[1] + dy];
  }
  return all;
}

/** Move nodes, notes and groups; points of links go along when both ends of their link do. */
export function moveAll(graph: Graph, positions: Readonly<Record<string, Point>>): Graph {
  const all = carried(graph, positions);
  const groups = { ...graph.groups };
  for (const [id, [x, y]] of Object.entries(all)) {
    const group = groups[id];
    if (group) groups[id] = { ...group, bounding: [x, y, group.bounding[2], group.bounding[3]] };
  }
  const shift = (id: string): Point | undefined => {
    const [from, to] = [graph.nodes[id]?.pos, all[id]];
    return from && to ? [to[0] - from[0], to[1] - from[1]] : undefined;
  };
  const reroutes = { ...graph.reroutes };
  for (const reroute of Object.values(graph.reroutes)) {
    const link = graph.links[reroute.link];
    const [a, b] = [link && shift(link.source), link && shift(link.target)];
    if (a && b && a[0] === b[0] && a[1] === b[1])
      reroutes[reroute.id] = { ...reroute, pos: [reroute.pos[0] + a[0], reroute.pos[1] + a[1]] };
  }
  return { ...moveNodes(graph, all), groups, reroutes };
}

export function placeOf(graph: Graph, id: string): Point | undefined {
  const group = graph.groups[id];
  return graph.nodes[id]?.pos ?? graph.notes[id]?.pos ?? (group && [group.bounding[0], group.bounding[1]]);
}
