/** Workflow tabs, undo and redo, and Run with what it would do. */

import { useEditor } from "../state/editor";
import { fractionOf, useRuns } from "../state/runs";
import { useServer } from "../state/server";
import { emptyWorkflow } from "../graph/model";
import { seconds } from "../canvas/OpNode";
import { command } from "./commands";
import { shownKey } from "./keys";

export function TopBar() {
  return (
    <header className="topbar">
      <strong className="logo" aria-label="Safelight">
        <i /> Safelight
      </strong>
      <Tabs />
      <CommandButton id="undo" text="↶" />
      <CommandButton id="redo" text="↷" />
      <CommandButton id="tidy" text="Tidy" />
      <RunButton />
    </header>
  );
}

function Tabs() {
  const tabs = useEditor((state) => state.tabs);
  const active = useEditor((state) => state.active);
  const { activate, close, open } = useEditor.getState();
  return (
    <div className="tabs" role="tablist" aria-label="Workflows">
      {tabs.map((tab) => (
        <span key={tab.id} className="tab" data-active={tab.id === active || undefined}>
          <button type="button" role="tab" aria-selected={tab.id === active} onClick={() => activate(tab.id)}>
            {tab.workflow.title}
            {tab.past.length && tab.saved !== tab.workflow ? " •" : ""}
          </button>
          <button type="button" aria-label={`Close ${tab.workflow.title}`} onClick={() => close(tab.id)}>
            ×
          </button>
        </span>
      ))}
      <button type="button" className="icon" aria-label="New workflow" onClick={() => open(emptyWorkflow())}>
        +
      </button>
    </div>
  );
}

export function CommandButton({ id, text }: { id: string; text: string }) {
  const { title, keys, run } = command(id);
  const key = keys?.[0] ? ` (${shownKey(keys[0])})` : "";
  return (
    <button type="button" className="icon" aria-label={title} title={title + key} onClick={run}>
      {text}
    </button>
  );
}

function RunButton() {
  const plan = useServer((state) => state.plan);
  const errors = useServer((state) => state.problems.filter((problem) => problem.severity === "error").length);
  const active = useEditor((state) => state.active);
  const run = useRuns((state) => state.runs[state.shown[active] ?? ""]);
  const running = run?.state === "running" || run?.state === "pending";
  return (
    <div className="run">
      <span className="plan" aria-live="polite">
        {running ? <Overall job={run.job} /> : errors ? `${errors} ${errors === 1 ? "problem" : "problems"}` : planText(plan)}
      </span>
      {running ? (
        <button type="button" className="stop" title={`Interrupt (${shownKey("mod+alt+Enter")})`} onClick={command("interrupt").run}>
          Stop
        </button>
      ) : null}
      <button type="button" className="primary" title={`Run (${shownKey("mod+Enter")})`} onClick={command("run").run}>
        Run
      </button>
    </div>
  );
}

function Overall({ job }: { job: string }) {
  const run = useRuns((state) => state.runs[job]);
  if (!run) return null;
  const share = fractionOf(run);
  const elapsed = run.began === undefined ? 0 : (Date.now() - run.began) / 1000;
  const left = share > 0.05 ? (elapsed / share) * (1 - share) : undefined;
  return (
    <>
      <progress max={1} value={share} aria-label="Run progress" />
      {run.state === "pending" ? "waiting" : left === undefined ? `${Math.round(share * 100)} %` : `${Math.round(share * 100)} % · ${seconds(left)} left`}
    </>
  );
}

function planText(plan: ReturnType<typeof useServer.getState>["plan"]): string {
  if (!plan) return "";
  if (!plan.runs) return "nothing to run: all cached";
  const about = plan.unknown ? (plan.seconds ? `${seconds(plan.seconds)} or more` : "") : `about ${seconds(plan.seconds)}`;
  return `${plan.runs} ${plan.runs === 1 ? "node runs" : "nodes run"}${about ? `, ${about}` : ""}`;
}
