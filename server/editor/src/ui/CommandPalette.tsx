/** Every command by its name. */

import { useMemo, useRef, useState, useEffect, type KeyboardEvent } from "react";
import { COMMANDS, type Command } from "../app/commands";
import { shownKey } from "../app/shownKey";
import { Modal } from "../panels/dialog";
import { useUi } from "../state/ui";
import { Icon } from "./icons";
import "./Dialogs.css";

const HIDDEN = new Set(["palette", "menu", "nudge-left", "nudge-right", "nudge-up", "nudge-down"]);

export function CommandPalette() {
  const open = useUi((state) => state.dialog === "palette");
  return open ? <Body /> : null;
}

/** Commands whose titles hold every word, those that begin with the first word in front. */
export function found(commands: readonly Command[], query: string): Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ title }: Command) => {
    const text = title.toLowerCase();
    return text.startsWith(words[0] ?? "") ? 0 : text.includes(` ${words[0] ?? ""}`) ? 1 : 2;
  };
  return commands
    .filter((each) => !HIDDEN.has(each.id) && words.every((word) => each.title.toLowerCase().includes(word)))
    .map((each, index) => ({ each, index }))
    .sort((a, b) => rank(a.each) - rank(b.each) || a.index - b.index)
    .map(({ each }) => each);
}

function Body() {
  const [query, setQuery] = useState("");
  const [marked, setMarked] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const shown = useMemo(() => found(COMMANDS, query), [query]);
  useEffect(() => setMarked(0), [query]);
  useEffect(() => void list.current?.children[marked]?.scrollIntoView({ block: "nearest" }), [marked]);
  const close = () => useUi.getState().set({ dialog: "" });
  const choose = (chosen: Command | undefined) => {
    close();
    // After the dialog gave the focus back.
    if (chosen) setTimeout(() => chosen.run());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") choose(shown[marked]);
    else if (event.key === "ArrowDown") setMarked((at) => Math.min(at + 1, shown.length - 1));
    else if (event.key === "ArrowUp") setMarked((at) => Math.max(at - 1, 0));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <Modal label="Find a command" className="palette-dialog" close={close}>
      <div className="palette-field">
        <Icon name="search" />
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls="commands"
          aria-activedescendant={shown[marked] ? `command-${marked}` : undefined}
          aria-label="Find a command"
          placeholder="Find a command"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={onKeyDown}
        />
      </div>
      <ul id="commands" role="listbox" aria-label="Commands" ref={list}>
        {shown.map((each, index) => (
          <li key={each.id} id={`command-${index}`} role="option" aria-selected={index === marked} onPointerMove={() => setMarked(index)} onClick={() => choose(each)}>
            <i>{each.icon ? <Icon name={each.icon} size={14} /> : null}</i>
            <span>{each.title}</span>
            {each.keys?.[0] ? <kbd>{shownKey(each.keys[0])}</kbd> : null}
          </li>
        ))}
        {shown.length ? null : <li className="none">No command matches</li>}
      </ul>
    </Modal>
  );
}
