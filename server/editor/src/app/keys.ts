/** Keys to commands. */

import { COMMANDS, type Command } from "./commands";

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

export function listenToKeys(): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    const found = commandFor(event);
    if (!found) return;
    event.preventDefault();
    found.run();
  };
  window.addEventListener("keydown", onKeyDown);
  return () => window.removeEventListener("keydown", onKeyDown);
}

export function commandFor(event: KeyboardEvent): Command | undefined {
  const target = event.target instanceof HTMLElement ? event.target : undefined;
  const typing = Boolean(target?.closest("input, textarea, select, [contenteditable], dialog, [role='dialog']"));
  const onControl = Boolean(target?.closest("button, a, [role='option'], [role='tab']"));
  return COMMANDS.find(
    (command) =>
      (command.whileTyping || !typing) &&
      command.keys?.some((key) => matches(key, event) && !(onControl && (key === " " || key === "Enter"))),
  );
}

function matches(keys: string, event: KeyboardEvent): boolean {
  const parts = keys === " " ? [" "] : keys.split("+");
  const key = parts.at(-1)!;
  const wants = (name: string) => parts.slice(0, -1).includes(name);
  const mod = MAC ? event.metaKey : event.ctrlKey;
  if (wants("mod") !== mod || wants("alt") !== event.altKey) return false;
  if (key !== "?" && wants("shift") !== event.shiftKey) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}

/** A key as people read it. */
export function shownKey(keys: string): string {
  if (keys === " ") return "Space";
  return keys
    .split("+")
    .map((part) => ({ mod: MAC ? "⌘" : "Ctrl", shift: "Shift", alt: MAC ? "⌥" : "Alt" })[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join("+");
}
