/**
 * JSON that keeps whole numbers whole: seeds reach 2^64-1, and a JavaScript number holds 2^53.
 * Integers that a number cannot hold are read as `bigint` and written back digit for digit.
 */

export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

const MARK = "\u0000int:";
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])|-?\b(?:NaN|Infinity)\b/g;

/** Reads a text. Throws a SyntaxError when it is no JSON. NaN and infinities, which files in the wild hold, become null. */
export function parseJson(text: string): Json {
  const marked = text.replace(TOKENS, (token) => {
    if (token.startsWith('"')) return token;
    if (/[NI]/.test(token)) return "null";
    return Number.isSafeInteger(Number(token)) ? token : `"\\u0000int:${token}"`;
  });
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  ) as Json;
}

/** Writes a value; `undefined` members are left out. */
export function toJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_key, each: unknown) => (typeof each === "bigint" ? `${MARK}${each}` : each),
    indent,
  );
  return text.replace(/"\\u0000int:(-?\d+)"/g, "$1");
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function sameJson(a: unknown, b: unknown): boolean {
  return a === b || (a !== undefined && b !== undefined && toJson(a) === toJson(b));
}
