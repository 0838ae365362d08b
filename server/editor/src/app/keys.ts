/** Keys to commands. */

import { COMMANDS, type Command } from "./commands";
import { MAC } from "./shownKey";

export { shownKey } from "./shownKey";

export function listenToKeys(): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.defaultPrevented) return;
    const found = commandFor(event);
    if (!found || found.native) return;
    event.preventDefault();
    found.run();
  };
  window.addEventListener("keydown", onKeyDown);
  return () => window.removeEventListener("keydown", onKeyDown);
}

/** Whether keys belong to something that takes them: a field, a dialog, a menu. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && Boolean(target.closest("input, textarea, select, [contenteditable], dialog, [role='dialog'], [role='menu']"));
}

const HISTORY = new Set(["undo", "redo"]);

export function commandFor(event: KeyboardEvent): Command | undefined {
  const typing = isTyping(event.target);
  const inDialog = event.target instanceof Element && Boolean(event.target.closest("dialog, [role='dialog']"));
  // What is typed and not yet taken over has an undo of its own, the field's.
  const draft = event.target instanceof Element && Boolean(event.target.closest("[data-draft]"));
  const onControl = event.target instanceof Element && Boolean(event.target.closest("button, a, [role='option'], [role='tab']"));
  return COMMANDS.find(
    (command) =>
      ((command.whileTyping && !inDialog && !(draft && HISTORY.has(command.id))) || !typing) &&
      command.keys?.some((key) => matches(key, event) && !(onControl && (key === " " || key === "Enter"))),
  );
}

export function matches(keys: string, event: Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): boolean {
  const parts = keys.length === 1 ? [keys] : keys.split("+");
  const key = parts.at(-1)!;
  const wants = (name: string) => parts.slice(0, -1).includes(name);
  const mod = MAC ? event.metaKey : event.ctrlKey;
  if (wants("mod") !== mod || wants("alt") !== event.altKey) return false;
  if (key !== "?" && key !== "+" && wants("shift") !== event.shiftKey) return false;
  // Alt writes other letters on a Mac: there the key itself counts.
  if (event.altKey && /^[a-z]$/i.test(key)) return event.code === `Key${key.toUpperCase()}`;
  return event.key.toLowerCase() === key.toLowerCase();
}
