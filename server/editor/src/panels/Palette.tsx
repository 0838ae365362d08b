/** Every node class by category: search, favourites, what was used last; dragged onto the canvas, or added with Enter. */

import { useMemo, useRef, useState, type KeyboardEvent } from "react";
import { create } from "zustand";
import { persist } from "zustand/middleware";
import type { NodeDef } from "../api/nodeDefs";
import { addNode } from "../canvas/AddSearch";
import { ranked } from "../graph/search";
import { NODE_CLASS } from "../io/open";
import { useServer } from "../state/server";
import { Icon } from "../ui/icons";
import { middleOfCanvas } from "./middle";
import "./Palette.css";

interface Liked {
  readonly favourites: readonly string[];
  readonly recent: readonly string[];
  readonly open: readonly string[];
}

const MOST_RECENT = 6;
const MOST_FOUND = 80;

const useLiked = create<Liked>()(
  persist((): Liked => ({ favourites: [], recent: [], open: [] }), { name: "safelight.palette" }),
);

const toggled = (list: readonly string[], one: string) => (list.includes(one) ? list.filter((each) => each !== one) : [...list, one]);

/** Remember that a class was used. */
export function used(classType: string): void {
  useLiked.setState(({ recent }) => ({ recent: [classType, ...recent.filter((each) => each !== classType)].slice(0, MOST_RECENT) }));
}

function add(def: NodeDef): void {
  addNode(def, middleOfCanvas());
  used(def.classType);
}

export function Palette() {
  const defs = useServer((state) => state.defs);
  const { favourites, recent, open } = useLiked();
  const [query, setQuery] = useState("");
  const body = useRef<HTMLDivElement>(null);
  const all = useMemo(() => Object.values(defs), [defs]);
  const found = useMemo(() => (query.trim() ? ranked(all, query).slice(0, MOST_FOUND) : undefined), [all, query]);
  const categories = useMemo(() => byCategory(all), [all]);
  const some = (names: readonly string[]) => names.flatMap((name) => defs[name] ?? []);

  /** Arrows go from row to row, over the borders of the lists. */
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const rows = [...(body.current?.querySelectorAll<HTMLElement>("summary, details[open] .main, .rows:not(details .rows) .main") ?? [])];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    rows[event.key === "ArrowDown" ? at + 1 : Math.max(0, at - 1)]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="left-body palette" ref={body} onKeyDown={onKeyDown}>
      <input
        type="search"
        className="find"
        aria-label="Search nodes to add"
        placeholder="Search nodes"
        value={query}
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && found?.[0]) add(found[0]);
          if (event.key === "Escape") setQuery("");
        }}
      />
      {found ? (
        found.length ? <Rows defs={found} /> : <p className="hint">No node matches.</p>
      ) : (
        <>
          {favourites.length ? <><h3>Favourites</h3><Rows defs={some(favourites)} /></> : null}
          {recent.length ? <><h3>Recent</h3><Rows defs={some(recent)} /></> : null}
          <h3>All</h3>
          {categories.map(([name, members]) => (
            <details key={name} open={open.includes(name)}>
              <summary
                onClick={(event) => {
                  event.preventDefault();
                  useLiked.setState({ open: toggled(open, name) });
                }}
              >
                <Icon name="right" size={12} />
                {name.replace(/_/g, " ").trim() || "other"} <small>{members.length}</small>
              </summary>
              {open.includes(name) ? <Rows defs={members} /> : null}
            </details>
          ))}
        </>
      )}
    </div>
  );
}

function Rows({ defs }: { defs: readonly NodeDef[] }) {
  const favourites = useLiked((state) => state.favourites);
  return (
    <ul className="rows">
      {defs.map((def) => (
        <li key={def.classType} className="row">
          <button
            type="button"
            className="main"
            draggable
            title={def.description || def.classType}
            onDragStart={(event) => {
              event.dataTransfer.setData(NODE_CLASS, def.classType);
              event.dataTransfer.effectAllowed = "copy";
            }}
            onClick={() => add(def)}
          >
            <span>{def.title}</span>
            {def.title === def.classType ? null : <small>{def.classType}</small>}
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label={`${def.title} is a favourite`}
            aria-pressed={favourites.includes(def.classType)}
            onClick={() => useLiked.setState({ favourites: toggled(favourites, def.classType) })}
          >
            <Icon name={favourites.includes(def.classType) ? "starred" : "star"} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Classes by the first part of their category; what is deprecated comes last. */
function byCategory(defs: readonly NodeDef[]): [string, NodeDef[]][] {
  const found = new Map<string, NodeDef[]>();
  for (const def of defs) {
    const name = def.category.split("/")[0] ?? "";
    const those = found.get(name);
    if (those) those.push(def);
    else found.set(name, [def]);
  }
  for (const those of found.values())
    those.sort((a, b) => Number(a.deprecated) - Number(b.deprecated) || a.category.localeCompare(b.category) || a.title.localeCompare(b.title));
  return [...found].sort(([a], [b]) => Number(a.startsWith("_")) - Number(b.startsWith("_")) || a.localeCompare(b));
}
