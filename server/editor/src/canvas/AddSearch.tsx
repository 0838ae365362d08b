/** Search to add: a field at the pointer, the best match first, wired when it came from a socket. */

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { defaultValues, subgraphDef, type NodeDef } from "../api/nodeDefs";
import { connect, freshId, putNode } from "../graph/ops";
import { compatible } from "../graph/types";
import { linkId, type Graph, type Point } from "../graph/model";
import { activeTab, useEditor, useTab } from "../state/editor";
import { useServer } from "../state/server";
import { useUi, type Search } from "../state/ui";
import { ranked } from "../graph/search";
import { inputOf, outputOf } from "./handles";

export function AddSearch() {
  const search = useUi((state) => state.search);
  return search ? <SearchBox key={`${search.screen.x},${search.screen.y}`} search={search} /> : null;
}

function SearchBox({ search }: { search: Search }) {
  const [query, setQuery] = useState("");
  const [marked, setMarked] = useState(0);
  const defs = useServer((state) => state.defs);
  const workflow = useTab((tab) => tab.workflow);
  const list = useRef<HTMLUListElement>(null);
  const close = () => useUi.getState().set({ search: undefined });
  const all = useMemo(
    () => [
      ...Object.values(defs),
      ...Object.keys(workflow.subgraphs).flatMap((id) => subgraphDef(id, defs, workflow) ?? []),
    ],
    [defs, workflow],
  );
  const found = useMemo(() => ranked(all.filter((def) => fits(def, search.from)), query).slice(0, 60), [all, search.from, query]);
  useEffect(() => setMarked(0), [query]);
  useEffect(() => list.current?.children[marked]?.scrollIntoView({ block: "nearest" }), [marked]);

  const choose = (def: NodeDef | undefined) => {
    if (def) addNode(def, [search.flow.x, search.flow.y], search.from);
    close();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
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
          placeholder={search.from ? `Nodes that ${search.from.direction === "source" ? "take" : "give"} ${search.from.type}` : "Search nodes"}
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
export function addNode(def: NodeDef, pos: Point, from?: Search["from"]): string {
  const editor = useEditor.getState();
  let id = "";
  editor.editGraph(`Add ${def.title}`, (graph) => {
    id = freshId(graph);
    const placed: Point = from?.direction === "target" ? [pos[0] - 260, pos[1] - 20] : [pos[0], pos[1] - 20];
    const added = putNode(graph, { id, classType: def.classType, pos: placed, values: defaultValues(def) });
    return from ? wired(added, id, def, from) : added;
  });
  if (activeTab(useEditor.getState()).selection.size || !from) editor.select([id]);
  return id;
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
