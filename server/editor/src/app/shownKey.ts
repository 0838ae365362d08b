/** A key as people read it. */

export const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

const NAMES: Readonly<Record<string, string>> = {
  mod: MAC ? "⌘" : "Ctrl",
  shift: "Shift",
  alt: MAC ? "⌥" : "Alt",
  ArrowLeft: "Left",
  ArrowRight: "Right",
  ArrowUp: "Up",
  ArrowDown: "Down",
  Escape: "Esc",
};

export function shownKey(keys: string): string {
  if (keys === " ") return "Space";
  if (keys.length === 1) return keys.toUpperCase();
  return keys
    .split("+")
    .map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join("+");
}
