/** The named inputs and outputs of a workflow: its face towards forms, scripts and other programs. */

import type { NamedInput, NamedOutput, Workflow } from "./model";

/** A name that is not taken: `text`, `text_2`, `text_3`. Names never look like whole numbers, whose order would not be kept. */
export function freeName(wanted: string, taken: Iterable<string>): string {
  const base = /^\d*$/.test(wanted.trim()) ? `value_${wanted.trim()}`.replace(/_$/, "") : wanted.trim();
  const known = new Set(taken);
  if (!known.has(base)) return base;
  let number = 2;
  while (known.has(`${base}_${number}`)) number += 1;
  return `${base}_${number}`;
}

export function nameOfInput(workflow: Workflow, node: string, input: string): string | undefined {
  return Object.entries(workflow.inputs).find(([, each]) => each.node === node && each.input === input)?.[0];
}

export function nameOfOutput(workflow: Workflow, node: string): string | undefined {
  return Object.entries(workflow.outputs).find(([, each]) => each.node === node)?.[0];
}

export function putInput(workflow: Workflow, name: string, input: NamedInput): Workflow {
  return { ...workflow, inputs: { ...workflow.inputs, [name]: input } };
}

export function putOutput(workflow: Workflow, name: string, output: NamedOutput): Workflow {
  return { ...workflow, outputs: { ...workflow.outputs, [name]: output } };
}

/** The inputs as people see them: by `order`, then as they came. */
export function orderedInputs(workflow: Workflow): (readonly [string, NamedInput])[] {
  return Object.entries(workflow.inputs)
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => (a.entry[1].order ?? 0) - (b.entry[1].order ?? 0) || a.index - b.index)
    .map(({ entry }) => entry);
}

export function renameInput(workflow: Workflow, before: string, after: string): Workflow {
  return { ...workflow, inputs: renamed(workflow.inputs, before, after) };
}

export function renameOutput(workflow: Workflow, before: string, after: string): Workflow {
  return { ...workflow, outputs: renamed(workflow.outputs, before, after) };
}

export function removeInput(workflow: Workflow, name: string): Workflow {
  return { ...workflow, inputs: without(workflow.inputs, name) };
}

export function removeOutput(workflow: Workflow, name: string): Workflow {
  return { ...workflow, outputs: without(workflow.outputs, name) };
}

/** Move an input among the others; every input gets its place written down. */
export function moveInput(workflow: Workflow, name: string, by: number): Workflow {
  const entries = orderedInputs(workflow);
  const from = entries.findIndex(([each]) => each === name);
  const to = from + by;
  if (from < 0 || to < 0 || to >= entries.length) return workflow;
  entries.splice(to, 0, ...entries.splice(from, 1));
  return { ...workflow, inputs: Object.fromEntries(entries.map(([each, input], order) => [each, { ...input, order }])) };
}

/** Outputs have no `order`: their place in the document is it. */
export function moveOutput(workflow: Workflow, name: string, by: number): Workflow {
  const entries = Object.entries(workflow.outputs);
  const from = entries.findIndex(([each]) => each === name);
  const to = from + by;
  if (from < 0 || to < 0 || to >= entries.length) return workflow;
  entries.splice(to, 0, ...entries.splice(from, 1));
  return { ...workflow, outputs: Object.fromEntries(entries) };
}

/** With another key in the same place; a name that is taken already is left alone. */
export function renamed<T>(record: Readonly<Record<string, T>>, before: string, after: string): Readonly<Record<string, T>> {
  if (before === after || !(before in record) || after in record) return record;
  return Object.fromEntries(Object.entries(record).map(([name, each]) => [name === before ? after : name, each]));
}

export function without<T>(record: Readonly<Record<string, T>>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([each]) => each !== name));
}
