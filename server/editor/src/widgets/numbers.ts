/** Numbers as widgets need them: read exactly, kept in bounds, on their grid. */

import type { Widget } from "../api/nodeDefs";

export type NumberWidgetDef = Extract<Widget, { kind: "int" | "float" }>;
export type Numeric = number | bigint;

/** What was typed, as a number of this widget; undefined when it is none. */
export function readNumber(text: string, widget: NumberWidgetDef): Numeric | undefined {
  const trimmed = text.trim().replace(",", ".");
  if (widget.kind === "int") {
    if (!/^[+-]?\d+(\.0*)?$/.test(trimmed)) return undefined;
    const whole = BigInt(trimmed.replace(/\.0*$/, ""));
    return narrowed(whole);
  }
  const value = Number(trimmed);
  return trimmed !== "" && Number.isFinite(value) ? value : undefined;
}

/** A whole number as a plain one, where that is exact. */
function narrowed(whole: bigint): Numeric {
  return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
}

export function clamp(value: Numeric, widget: NumberWidgetDef): Numeric {
  if (value < widget.min) return widget.min;
  return value > widget.max ? widget.max : value;
}

/** A number moved by steps, on the widget's grid. */
export function stepped(value: Numeric, steps: number, widget: NumberWidgetDef): Numeric {
  const moved = Number(value) + steps * widget.step;
  if (widget.kind === "int") {
    if (Number.isSafeInteger(moved) && typeof value === "number") return clamp(Math.round(moved), widget);
    return clamp(narrowed(BigInt(value) + BigInt(Math.round(steps * widget.step))), widget);
  }
  return clamp(tidy(Math.round(moved / widget.step) * widget.step), widget);
}

/** Without the last bits that decimal fractions leave: 0.30000000000000004 is 0.3. */
export function tidy(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(12));
}

export function shownNumber(value: unknown): string {
  return typeof value === "number" ? String(tidy(value)) : String(value ?? "");
}

/** A seed for the next run; drawn below 2^53, so that every program reads it exactly. */
export function randomSeed(widget: NumberWidgetDef): number {
  const words = crypto.getRandomValues(new Uint32Array(2));
  const drawn = words[0]! * 2 ** 21 + (words[1]! >>> 11);
  const low = Number(widget.min);
  const span = Math.min(Number(widget.max), Number.MAX_SAFE_INTEGER) - low;
  return span >= Number.MAX_SAFE_INTEGER ? drawn : low + (drawn % (span + 1));
}
