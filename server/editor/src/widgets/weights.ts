/** Prompt weights: `(words:1.1)`. */

export interface Weighted {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const AROUND = /^\((.*):(-?\d+(?:\.\d+)?)\)$/s;

/** Change the weight of a selection (or of the word at the cursor); a weight of 1 needs no brackets. */
export function weighted(text: string, from: number, to: number, by: number): Weighted {
  let [start, end] = from === to ? wordAt(text, from) : [from, to];
  if (start === end) return { text, start: from, end: to };
  // A selection inside the brackets of its own weight takes them along.
  if (text[start - 1] === "(") {
    const tail = /^:-?\d+(?:\.\d+)?\)/.exec(text.slice(end));
    if (tail) {
      start -= 1;
      end += tail[0].length;
    }
  }
  const chosen = text.slice(start, end);
  const known = AROUND.exec(chosen);
  const inner = known?.[1] ?? chosen;
  const weight = Math.round(((known ? Number(known[2]) : 1) + by) * 100) / 100;
  const written = weight === 1 ? inner : `(${inner}:${weight})`;
  const shift = weight === 1 ? 0 : 1;
  return {
    text: text.slice(0, start) + written + text.slice(end),
    start: start + shift,
    end: start + shift + inner.length,
  };
}

function wordAt(text: string, at: number): [number, number] {
  const before = /[^\s,()]*$/.exec(text.slice(0, at))![0].length;
  const after = /^[^\s,():]*/.exec(text.slice(at))![0].length;
  return [at - before, at + after];
}
