/** How far runs are, and how long they still take: by their plans, corrected by how they go. */

import { isOpen, type Run } from "./runs";

/** What a run weighs in seconds, and how much of it is done; nodes that turned out cached weigh nothing. */
export function weightOf(run: Run): { readonly whole: number; readonly done: number } {
  let whole = 0;
  let done = 0;
  for (const [id, seconds] of Object.entries(run.planned)) {
    const weight = Math.max(seconds, 0.01);
    const node = run.nodes[id];
    if (node?.state === "cached") continue;
    whole += weight;
    if (node?.state === "done" || node?.state === "error") done += weight;
    else if (node && node.max > 0) done += weight * Math.min(1, node.value / node.max);
  }
  return isOpen(run) ? { whole, done } : { whole, done: whole };
}

/** How far a run is, 0 to 1, weighted by the seconds that its plan expects. */
export function fractionOf(run: Run): number {
  const { whole, done } = weightOf(run);
  if (!isOpen(run)) return 1;
  return whole ? Math.min(1, done / whole) : (run.share ?? 0);
}

/** How many seconds one second of the plan really takes; nothing while that cannot be said. */
export function paceOf(run: Run, now: number): number | undefined {
  const { whole, done } = weightOf(run);
  const elapsed = run.began === undefined ? 0 : (now - run.began) / 1000;
  return run.state === "running" && whole && done / whole > 0.1 && elapsed > 0.5 ? elapsed / done : undefined;
}

/** Seconds that a run still needs: by its plan, corrected by how it goes, or how another of its workflow goes. */
export function secondsLeft(run: Run, now: number, pace?: number): number {
  if (!isOpen(run)) return 0;
  const { whole, done } = weightOf(run);
  if (!whole && run.share && run.began !== undefined) return ((now - run.began) / 1000 / run.share) * (1 - run.share);
  return (whole - done) * (paceOf(run, now) ?? pace ?? 1);
}

/** The pace of the workflows that run, for those runs of theirs that wait. */
export function pacesOf(runs: readonly Run[], now: number): Readonly<Record<string, number>> {
  return Object.fromEntries(
    runs.flatMap((run) => {
      const pace = paceOf(run, now);
      return pace === undefined ? [] : [[run.workflow, pace]];
    }),
  );
}

export interface Overall {
  /** Runs that wait or run, and all of this batch. */
  readonly open: number;
  readonly all: number;
  readonly share: number;
  readonly left: number;
}

/** All that is under way, with what of the same batch has ended; nothing when all is quiet. */
export function overallOf(runs: readonly Run[], now: number): Overall | undefined {
  const open = runs.filter(isOpen);
  if (!open.length) return undefined;
  let since = Math.min(...open.map((run) => run.submitted));
  const ended = runs.filter((run) => !isOpen(run)).sort((a, b) => (b.ended ?? 0) - (a.ended ?? 0));
  const batch: Run[] = [];
  for (const run of ended) {
    if ((run.ended ?? 0) < since) break;
    batch.push(run);
    since = Math.min(since, run.submitted);
  }
  const paces = pacesOf(open, now);
  const size = (run: Run) => Math.max(weightOf(run).whole, 0.1);
  const whole = [...open, ...batch].reduce((sum, run) => sum + size(run), 0);
  const done = batch.reduce((sum, run) => sum + size(run), 0) + open.reduce((sum, run) => sum + fractionOf(run) * size(run), 0);
  return {
    open: open.length,
    all: open.length + batch.length,
    share: Math.min(1, done / whole),
    left: open.reduce((sum, run) => sum + secondsLeft(run, now, paces[run.workflow]), 0),
  };
}
