/** A sweep: one workflow run with each of some values, for one input or two. */

import { create } from "zustand";
import type { InputDef } from "../api/nodeDefs";
import type { Graph } from "../graph/model";
import { downstream } from "../graph/ops";
import { readNumber, randomSeed, tidy, type NumberWidgetDef } from "../widgets/numbers";
import type { Json } from "../json";
import { activeTab, useEditor } from "./editor";
import type { Plan } from "./server";
import { useUi } from "./ui";

export interface Axis {
  readonly node: string;
  readonly input: string;
  /** What people call it. */
  readonly label: string;
  readonly values: readonly Json[];
}

export interface Cell {
  readonly x: number;
  readonly y: number;
  readonly inputs: Readonly<Record<string, Json>>;
  readonly job?: string;
}

export interface Sweep {
  readonly tab: string;
  readonly title: string;
  readonly axes: readonly Axis[];
  readonly cells: readonly Cell[];
  /** No more of it is submitted. */
  readonly stopped?: boolean;
}

interface SweepState {
  /** The input that a sweep is being made for. */
  readonly asking: { readonly node: string; readonly input: string } | undefined;
  /** What was swept last. */
  readonly last: Sweep | undefined;
  readonly showing: boolean;
  set(change: Partial<Pick<SweepState, "asking" | "last" | "showing">>): void;
}

export const useSweep = create<SweepState>()((set) => ({ asking: undefined, last: undefined, showing: false, set: (change) => set(change) }));

/** Asks how an input of the outermost graph is to be swept. */
export function openSweep(node: string, input: string): void {
  if (activeTab(useEditor.getState()).path.length) {
    useUi.getState().toast("Inputs inside a sub-graph cannot be swept; leave it and sweep what it shows.");
    return;
  }
  useSweep.getState().set({ asking: { node, input }, showing: false });
}

/** As many values and runs as one sweep may have. */
export const MOST_VALUES = 64;
export const MOST_RUNS = 256;

/** What was read, or why it cannot be: a sentence. */
export type Values = { readonly values: readonly Json[] } | { readonly wrong: string };

/** Numbers as people write them: `1, 2, 3`, `1..5`, `0..1 step 0.25`; or lines of text. */
export function readValues(text: string, input: InputDef): Values {
  const { widget } = input;
  const wrong = (why: string): Values => ({ wrong: why });
  if (!widget) return wrong("This input takes a link only.");
  if (!text.trim()) return wrong("Write the values, or a range.");
  if (widget.kind === "boolean") return { values: [false, true] };
  if (widget.kind === "text" || widget.kind === "combo") {
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    return lines.length > MOST_VALUES ? wrong(`At most ${MOST_VALUES} values.`) : { values: lines };
  }
  if (widget.kind === "color") return wrong("Colours cannot be swept.");
  const values: Json[] = [];
  for (const part of text.split(/[,;\n]/).map((each) => each.trim()).filter(Boolean)) {
    const found = readPart(part, widget);
    if ("wrong" in found) return found;
    values.push(...found.values);
    if (values.length > MOST_VALUES) return wrong(`At most ${MOST_VALUES} values.`);
  }
  for (const value of values as (number | bigint)[])
    if (value < widget.min || value > widget.max) return wrong(`${value} is outside ${widget.min} to ${widget.max}.`);
  return { values: values.filter((value, index) => values.indexOf(value) === index) };
}

const RANGE = /^([+-]?[\d.]+)\s*(?:\.\.|…|to)\s*([+-]?[\d.]+?)(?:\s+(?:step|by)\s+([\d.]+))?$/i;

function readPart(part: string, widget: NumberWidgetDef): Values {
  const range = RANGE.exec(part);
  if (!range) {
    const value = readNumber(part, widget);
    return value === undefined ? { wrong: `“${part}” is no ${widget.kind === "int" ? "whole number" : "number"}.` } : { values: [value] };
  }
  const [from, to, by] = [Number(range[1]), Number(range[2]), range[3] === undefined ? undefined : Number(range[3])];
  const whole = Number.isInteger(from) && Number.isInteger(to) && Math.abs(to - from) > 1;
  const step = by ?? (widget.kind === "int" || whole ? 1 : Math.max(widget.step, 0.1));
  if (![from, to, step].every(Number.isFinite)) return { wrong: `“${part}” is no range: write 1..5 or 1..5 step 2.` };
  if (step <= 0) return { wrong: "The step must be more than 0." };
  if (widget.kind === "int" && ![from, to, step].every(Number.isInteger)) return { wrong: `${part}: whole numbers only.` };
  const count = Math.floor(Math.abs(to - from) / step + 1e-9) + 1;
  if (count > MOST_VALUES) return { wrong: `${part} is ${count} values; at most ${MOST_VALUES}.` };
  const sign = to < from ? -1 : 1;
  return { values: Array.from({ length: count }, (_unused, index) => tidy(from + sign * index * step)) };
}

/** Seeds drawn for a sweep, no two alike. */
export function drawSeeds(count: number, widget: NumberWidgetDef): readonly Json[] {
  const drawn = new Set<number>();
  for (let tries = 0; drawn.size < count && tries < count * 20; tries++) drawn.add(randomSeed(widget));
  return [...drawn];
}

/** Every combination: the first axis goes across, the second down. */
export function cellsOf(axes: readonly Axis[]): readonly Cell[] {
  const [across, down] = axes;
  if (!across) return [];
  return (down?.values ?? [undefined]).flatMap((below, y) =>
    across.values.map((value, x) => ({
      x,
      y,
      inputs: {
        [`${across.node}.${across.input}`]: value,
        ...(down && below !== undefined && { [`${down.node}.${down.input}`]: below }),
      },
    })),
  );
}

/**
 * About how many seconds a sweep takes: a node runs once for each combination of the values before it.
 * `plan` knows what each node takes when nothing is cached, `now` what is cached already.
 */
export function costOf(graph: Graph, axes: readonly Axis[], plan: Plan, now: Plan | undefined): number {
  const reach = axes.map((axis) => downstream(graph, axis.node));
  let seconds = 0;
  for (const [id, node] of Object.entries(plan.nodes)) {
    const times = axes.reduce((product, axis, index) => (reach[index]!.has(outermost(id)) ? product * axis.values.length : product), 1);
    const again = times > 1 || now?.nodes[id]?.state !== "cached";
    if (again) seconds += times * (node.seconds ?? 0);
  }
  return seconds;
}

function outermost(id: string): string {
  return id.split(":")[0]!;
}

/** The seconds that one more run of a sweep takes: only what hangs on the swept inputs. */
export function plannedAgain(graph: Graph, axes: readonly Axis[], plan: Plan): Readonly<Record<string, number>> {
  const reach = axes.map((axis) => downstream(graph, axis.node));
  return Object.fromEntries(
    Object.entries(plan.nodes).flatMap(([id, node]) => (reach.some((each) => each.has(outermost(id))) ? [[id, node.seconds ?? GUESS]] : [])),
  );
}

const GUESS = 0.5;

/** A value as a label. */
export function shownValue(value: Json): string {
  const text = typeof value === "string" ? value : value === null ? "none" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
