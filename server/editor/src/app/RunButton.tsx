/** Run, the ways to run, and what running would do. */

import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { shownLeft, shownSeconds } from "../graph/duration";
import { useNow } from "../panels/now";
import { askForSweep } from "../panels/Sweep";
import { useEditor, useTab } from "../state/editor";
import { fractionOf, secondsLeft } from "../state/headway";
import { isOpen, useRuns } from "../state/runs";
import { useShownRun } from "../state/running";
import { useServer, type Plan } from "../state/server";
import { stopAll, submitMany } from "../state/submit";
import { Icon } from "../ui/icons";
import { command } from "./commands";
import { shownKey } from "./keys";
import "./RunButton.css";

export function RunButton() {
  const tab = useEditor((state) => state.active);
  const open = useRuns((state) => Object.values(state.runs).filter((run) => run.tab === tab && isOpen(run)).length);
  return (
    <div className="run">
      <div className="run-buttons">
        {open ? (
          <button type="button" className="stop with-icon" title={`Stop (${shownKey("mod+alt+Enter")})`} onClick={command("interrupt").run}>
            <Icon name="stop" size={13} /> Stop
          </button>
        ) : null}
        <span className="split">
          <button type="button" className="primary" title={`Run (${shownKey("mod+Enter")})`} onClick={command("run").run}>
            Run
          </button>
          <Ways open={open} />
        </span>
      </div>
      <span className="plan" aria-live="polite">
        {open ? <Going waiting={open - 1} /> : <Planned />}
      </span>
    </div>
  );
}

/** What running would do now. */
function Planned() {
  const plan = useServer((state) => state.plan);
  const errors = useServer((state) => state.problems.filter((problem) => problem.severity === "error").length);
  return <>{errors ? `${errors} ${errors === 1 ? "problem" : "problems"}` : planText(plan)}</>;
}

function Going({ waiting }: { waiting: number }) {
  const run = useShownRun();
  const now = useNow(true);
  if (!run || !isOpen(run)) return <>waiting</>;
  const left = secondsLeft(run, now);
  const more = waiting > 0 ? ` · ${waiting} more` : "";
  if (run.state === "pending") return <>waiting{more}</>;
  return (
    <>
      {Math.round(fractionOf(run) * 100)} %{left > 0.5 ? ` · ${shownLeft(left)} left` : ""}
      {more}
    </>
  );
}

export function planText(plan: Plan | undefined): string {
  if (!plan) return "";
  if (!plan.runs) return "nothing to run: all cached";
  const about = plan.unknown ? (plan.seconds ? `${shownSeconds(plan.seconds)} or more` : "") : `about ${shownSeconds(plan.seconds)}`;
  return `${plan.runs} ${plan.runs === 1 ? "node runs" : "nodes run"}${about ? `, ${about}` : ""}`;
}

const MOST_TIMES = 100;

/** The ways to run, behind the arrow. */
function Ways({ open }: { open: number }) {
  const [shown, setShown] = useState(false);
  const [times, setTimes] = useState(4);
  const selected = useTab((tab) => [...tab.selection].some((id) => id in tab.workflow.graph.nodes) && !tab.path.length);
  const box = useRef<HTMLDivElement>(null);
  const arrow = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!shown) return;
    box.current?.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
    const leave = (event: PointerEvent) => {
      if (event.target instanceof Node && !box.current?.contains(event.target) && !arrow.current?.contains(event.target)) setShown(false);
    };
    window.addEventListener("pointerdown", leave);
    return () => window.removeEventListener("pointerdown", leave);
  }, [shown]);

  const close = () => {
    setShown(false);
    arrow.current?.focus();
  };
  const choose = (run: () => void) => () => {
    close();
    run();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const controls = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled)")];
      const at = controls.indexOf(document.activeElement as HTMLElement);
      controls[(at + (event.key === "ArrowDown" ? 1 : -1) + controls.length) % controls.length]?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <button ref={arrow} type="button" className="primary ways-arrow" aria-label="Ways to run" aria-haspopup="dialog" aria-expanded={shown} onClick={() => setShown(!shown)}>
        <Icon name="down" size={14} />
      </button>
      {shown ? (
        <div ref={box} className="ways" role="dialog" aria-label="Ways to run" onKeyDown={onKeyDown}>
          <Way id="run" choose={choose} />
          <Way id="run-front" choose={choose} />
          <Way id="run-here" choose={choose} disabled={!selected} />
          <Way id="refresh" choose={choose} />
          <div className="times">
            <button type="button" title="Where no seed changes by itself, each run gets seeds of its own" onClick={choose(() => void submitMany(times))}>
              Run × {times}
            </button>
            <input
              type="number"
              min={2}
              max={MOST_TIMES}
              value={times}
              aria-label="How many runs"
              onChange={(event) => setTimes(Math.min(MOST_TIMES, Math.max(1, Math.round(Number(event.target.value)) || 1)))}
              onKeyDown={(event) => {
                event.stopPropagation();
                if (event.key === "Enter") choose(() => void submitMany(times))();
                else if (event.key === "Escape") close();
              }}
            />
          </div>
          <button type="button" onClick={choose(askForSweep)}>Sweep a value…</button>
          {open > 1 ? (
            <button type="button" className="stop-all" onClick={choose(() => void stopAll())}>Stop all {open}</button>
          ) : null}
        </div>
      ) : null}
    </>
  );
}

function Way({ id, choose, disabled = false }: { id: string; choose: (run: () => void) => () => void; disabled?: boolean }) {
  const { title, keys, run } = command(id);
  return (
    <button type="button" disabled={disabled} onClick={choose(run)}>
      <span>{title}</span>
      {keys?.[0] ? <kbd>{shownKey(keys[0])}</kbd> : null}
    </button>
  );
}
