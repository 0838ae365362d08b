/** Search to add: a field at the pointer, the best match first, wired when it came from a socket. */

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { defaultValues, subgraphDef, type NodeDef } from "../api/nodeDefs";
import { connect, freshId, insertOnLink, putNode } from "../graph/ops";
import { mayHold } from "../graph/subgraphs";
import { compatible } from "../graph/types";
import { linkId, type Graph, type Point } from "../graph/model";
import { activeGraph, useEditor, useTab } from "../state/editor";
import { useServer } from "../state/server";
import { useUi, type Search } from "../state/ui";
import { ranked } from "../graph/search";
import { elementOf } from "./flow";
import { inputOf, outputOf } from "./handles";
import { between, endsOf } from "./sockets";

export function AddSearch() {
  const search = useUi((state) => state.search);
  return search ? <SearchBox key={`${search.screen.x},${search.screen.y}`} search={search} /> : null;
}

function SearchBox({ search }: { search: Search }) {
  const [query, setQuery] = useState("");
  const [marked, setMarked] = useState(0);
  const defs = useServer((state) => state.defs);
  const workflow = useTab((tab) => tab.workflow);
  const path = useTab((tab) => tab.path);
  const list = useRef<HTMLUListElement>(null);
  const close = () => useUi.getState().set({ search: undefined });
  const all = useMemo(
    () => [
      ...Object.values(defs),
      ...Object.keys(workflow.subgraphs).flatMap((id) => (mayHold(workflow, path, id) ? (subgraphDef(id, defs, workflow) ?? []) : [])),
    ],
    [defs, workflow, path],
  );
  const ends = useMemo(() => endsOfLink(search.between), [search.between]);
  const fitting = useMemo(() => all.filter((def) => (ends ? between(def, ...ends) !== undefined : fits(def, search.from))), [all, ends, search.from]);
  const found = useMemo(() => ranked(fitting, query).slice(0, 60), [fitting, query]);
  useEffect(() => setMarked(0), [query]);
  useEffect(() => void list.current?.children[marked]?.scrollIntoView({ block: "nearest" }), [marked]);

  const before = useRef(document.activeElement);

  const choose = (def: NodeDef | undefined) => {
    const id = def && addNode(def, [search.flow.x, search.flow.y], search.from, search.between);
    close();
    // Keys go on from the new node, once it is drawn; unless they are elsewhere by then.
    const takeFocus = () => document.activeElement === document.body && id !== undefined && elementOf(id)?.focus({ preventScroll: true });
    requestAnimationFrame(() => requestAnimationFrame(takeFocus));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      close();
      if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
    }
    else if (event.key === "Enter") choose(found[marked]);
    else if (event.key === "ArrowDown") setMarked((at) => Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") setMarked((at) => Math.max(at - 1, 0));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const left = Math.min(search.screen.x, window.innerWidth - 340);
  const top = Math.min(search.screen.y, window.innerHeight - 380);
  return (
    <div className="search-veil" onPointerDown={close}>
      <div className="search" role="dialog" aria-label="Add a node" style={{ left, top }} onPointerDown={(event) => event.stopPropagation()}>
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls="add-results"
          aria-activedescendant={found[marked] ? `add-${marked}` : undefined}
          aria-label="Search nodes"
          placeholder={ends ? `Nodes from ${ends[0]} to ${ends[1]}` : search.from ? `Nodes that ${search.from.direction === "source" ? "take" : "give"} ${search.from.type}` : "Search nodes"}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <ul id="add-results" role="listbox" ref={list} aria-label="Nodes">
          {found.map((def, index) => (
            <li
              key={def.classType}
              id={`add-${index}`}
              role="option"
              aria-selected={index === marked}
              title={def.description}
              onPointerMove={() => setMarked(index)}
              onClick={() => choose(def)}
            >
              <strong>{def.title}</strong>
              <small>
                {def.category}
                {def.title === def.classType ? "" : ` · ${def.classType}`}
              </small>
            </li>
          ))}
          {found.length ? null : <li className="none">No node matches</li>}
        </ul>
      </div>
    </div>
  );
}

function fits(def: NodeDef, from: Search["from"]): boolean {
  if (!from) return true;
  return from.direction === "source"
    ? def.inputs.some((input) => compatible(from.type, input.type))
    : def.outputs.some((output) => compatible(output.type, from.type));
}

/** Put a node in, with its defaults, and wire it to the socket that asked for it. Gives its id. */
export function addNode(def: NodeDef, pos: Point, from?: Search["from"], link?: string): string {
  const editor = useEditor.getState();
  let id = "";
  editor.editGraph(`Add ${def.title}`, (graph) => {
    id = freshId(graph);
    const shift = from?.direction === "target" ? 260 : link === undefined ? 0 : 120;
    const placed: Point = [Math.round(pos[0] - shift), Math.round(pos[1] - 20)];
    const added = putNode(graph, { id, classType: def.classType, pos: placed, values: defaultValues(def) });
    const ends = endsOfLink(link);
    const middle = ends && link !== undefined ? between(def, ...ends) : undefined;
    if (middle && link !== undefined) return insertOnLink(added, link, id, middle.input, middle.output);
    return from ? wired(added, id, def, from) : added;
  });
  editor.select([id]);
  return id;
}

/** The types at the two ends of a link, while it is there. */
function endsOfLink(link: string | undefined): readonly [string, string] | undefined {
  const found = link === undefined ? undefined : activeGraph(useEditor.getState()).links[link];
  return found && endsOf(found);
}

/** The first socket that fits: one of the very same type before one that takes anything. */
function wired(graph: Graph, id: string, def: NodeDef, from: NonNullable<Search["from"]>): Graph {
  if (from.direction === "source") {
    const input =
      def.inputs.find((each) => each.type === from.type && !each.widget) ??
      def.inputs.find((each) => compatible(from.type, each.type) && !each.widget) ??
      def.inputs.find((each) => compatible(from.type, each.type));
    const output = outputOf(from.handle);
    return input && output !== undefined ? connect(graph, { source: from.node, output, target: id, input: input.name }) : graph;
  }
  const output = def.outputs.findIndex((each) => compatible(each.type, from.type));
  const input = inputOf(from.handle);
  if (output < 0 || input === undefined || linkId(from.node, input) === "") return graph;
  return connect(graph, { source: id, output, target: from.node, input });
}
