/** Names that lead to nodes: renamed in place, moved, removed. */

import { useState } from "react";
import { focusNode } from "../canvas/flow";
import { Icon } from "../ui/icons";

export interface NamedEntry {
  readonly name: string;
  /** The node that it leads to. */
  readonly at: string;
  readonly about: string;
}

export function NamedList({ title, empty, entries, rename, move, remove }: {
  title: string;
  empty: string;
  entries: readonly NamedEntry[];
  rename: (before: string, after: string) => void;
  move?: (name: string, by: number) => void;
  remove: (name: string) => void;
}) {
  return (
    <section className="named-list">
      <h3>{title}</h3>
      {entries.length ? null : <p className="help-text">{empty}</p>}
      <ul>
        {entries.map(({ name, at, about }, index) => (
          <li key={name}>
            <div>
              <NameField name={name} label={`Name of ${title.toLowerCase()} ${name}`} rename={(after) => rename(name, after)} />
              <button type="button" className="go" title="Show the node" onClick={() => focusNode(at)}>{about}</button>
            </div>
            {move ? (
              <>
                <button type="button" className="icon-button" aria-label={`Move ${name} up`} disabled={index === 0} onClick={() => move(name, -1)}>
                  <Icon name="up" size={14} />
                </button>
                <button type="button" className="icon-button" aria-label={`Move ${name} down`} disabled={index === entries.length - 1} onClick={() => move(name, 1)}>
                  <Icon name="down" size={14} />
                </button>
              </>
            ) : null}
            <button type="button" className="icon-button" aria-label={`Remove ${name}`} onClick={() => remove(name)}>
              <Icon name="close" size={14} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function NameField({ name, label, rename }: { name: string; label: string; rename: (after: string) => void }) {
  const [text, setText] = useState<string>();
  const commit = () => {
    const after = text?.trim() ?? "";
    if (after && after !== name && !/^\d+$/.test(after)) rename(after);
    setText(undefined);
  };
  return (
    <input
      aria-label={label}
      data-draft={text === undefined ? undefined : ""}
      value={text ?? name}
      spellCheck={false}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key === "Escape") setText(undefined);
      }}
    />
  );
}
