/** Which node somebody means who types a few letters. */

import type { NodeDef } from "../api/nodeDefs";

/** The matching classes, the best first. */
export function ranked(defs: readonly NodeDef[], query: string): NodeDef[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [...defs].sort((a, b) => Number(a.deprecated) - Number(b.deprecated) || a.title.localeCompare(b.title));
  return defs
    .map((def) => ({ def, score: score(def, words) }))
    .filter((each) => each.score > 0)
    .sort((a, b) => b.score - a.score || a.def.title.length - b.def.title.length || a.def.title.localeCompare(b.def.title))
    .map((each) => each.def);
}

function score(def: NodeDef, words: readonly string[]): number {
  const title = def.title.toLowerCase();
  const name = def.classType.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const best = Math.max(
      name === word || title === word ? 100 : 0,
      title.startsWith(word) ? 60 : 0,
      name.startsWith(word) ? 55 : 0,
      title.split(/[\s(]+/).some((part) => part.startsWith(word)) ? 45 : 0,
      title.includes(word) || name.includes(word) ? 30 : 0,
      initials(def).startsWith(word) ? 35 : 0,
      def.category.toLowerCase().includes(word) ? 12 : 0,
      def.description.toLowerCase().includes(word) ? 6 : 0,
      scattered(word, name) ? 4 : 0,
    );
    if (!best) return 0;
    sum += best;
  }
  return def.deprecated ? sum / 2 : sum;
}

function initials(def: NodeDef): string {
  return (def.classType.match(/[A-Z]/g) ?? []).join("").toLowerCase();
}

/** Whether the letters come in this order: `ksm` finds KSampler. */
function scattered(word: string, text: string): boolean {
  let at = 0;
  for (const letter of word) {
    at = text.indexOf(letter, at) + 1;
    if (!at) return false;
  }
  return true;
}
