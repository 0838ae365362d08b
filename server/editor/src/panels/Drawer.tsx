/** The bottom of the page: how the work goes, always; and a drawer of panels above it. */

import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { shownLeft, shownSeconds } from "../graph/duration";
import { useQueue } from "../state/queue";
import { overallOf } from "../state/headway";
import { useRuns } from "../state/runs";
import { startRunning, useShownRun } from "../state/running";
import { useServer } from "../state/server";
import { useUi, type BottomPanel } from "../state/ui";
import { Icon } from "../ui/icons";
import { Compare } from "./Compare";
import { Gallery } from "./Gallery";
import { Log } from "./Log";
import { useNow } from "./now";
import { Problems, failuresOf } from "./Problems";
import { Profile } from "./Profile";
import { Queue } from "./Queue";
import { Sweep } from "./Sweep";
import { Viewer } from "./Viewer";
import "./Drawer.css";

type PanelName = Exclude<BottomPanel, "">;

const PANELS: readonly { readonly id: PanelName; readonly title: string; readonly body: () => ReactNode }[] = [
  { id: "queue", title: "Queue", body: () => <Queue /> },
  { id: "gallery", title: "Gallery", body: () => <Gallery /> },
  { id: "problems", title: "Problems", body: () => <Problems /> },
  { id: "log", title: "Log", body: () => <Log /> },
  { id: "profile", title: "Profile", body: () => <Profile /> },
];

const LEAST = 160;
const USUAL = 240;
const STEP = 24;
const KEY = "safelight.drawer";

export function Drawer() {
  const open = useUi((state) => state.bottom);
  useEffect(startRunning, []);
  const panel = PANELS.find((each) => each.id === open);
  return (
    <>
      {panel ? <Body key="body" title={panel.title} id={panel.id} body={panel.body} /> : null}
      <footer className="statusbar">
        <DrawerTabs open={open} />
        <Progress />
        <Connection />
      </footer>
      <Sweep />
      <Compare />
      <Viewer />
    </>
  );
}

function show(bottom: BottomPanel): void {
  useUi.getState().set({ bottom });
}

function Body({ id, title, body }: { id: PanelName; title: string; body: () => ReactNode }) {
  const [height, setHeight] = useState(() => Number(localStorage.getItem(KEY)) || USUAL);
  const most = () => Math.round(window.innerHeight * 0.7);
  const resize = (next: number) => {
    const kept = Math.min(Math.max(next, LEAST), most());
    setHeight(kept);
    localStorage.setItem(KEY, String(kept));
  };
  const drag = useRef<{ y: number; height: number }>(undefined);
  return (
    <section className="drawer" style={{ height }} aria-label={title} id={`panel-${id}`} role="tabpanel">
      <div
        className="drawer-edge"
        role="separator"
        aria-orientation="horizontal"
        aria-label="Height of the panel"
        aria-valuenow={height}
        aria-valuemin={LEAST}
        aria-valuemax={most()}
        tabIndex={0}
        onPointerDown={(event: PointerEvent<HTMLDivElement>) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { y: event.clientY, height };
        }}
        onPointerMove={(event) => {
          if (drag.current) resize(drag.current.height + drag.current.y - event.clientY);
        }}
        onPointerUp={() => {
          drag.current = undefined;
        }}
        onDoubleClick={() => resize(USUAL)}
        onKeyDown={(event) => {
          if (event.key === "ArrowUp") resize(height + STEP);
          else if (event.key === "ArrowDown") resize(height - STEP);
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      {body()}
    </section>
  );
}

function DrawerTabs({ open }: { open: BottomPanel }) {
  const queue = useQueue((state) => state.running.length + state.pendingCount);
  const problems = useServer((state) => state.problems.filter((problem) => problem.severity === "error").length);
  const run = useShownRun();
  const counts: Partial<Record<PanelName, number>> = { queue, problems: problems + failuresOf(run).length };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const tabs = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]")];
    const at = tabs.indexOf(document.activeElement as HTMLElement);
    tabs[(at + step + tabs.length) % tabs.length]?.focus();
  };
  const first = open || "queue";
  return (
    <div className="drawer-tabs">
      <div className="drawer-tab-list" role="tablist" aria-label="Panels" onKeyDown={onKeyDown}>
        {PANELS.map(({ id, title }) => (
          <button
            key={id}
            type="button"
            role="tab"
            tabIndex={id === first ? 0 : -1}
            aria-selected={id === open}
            aria-expanded={id === open}
            aria-controls={id === open ? `panel-${id}` : undefined}
            data-alarm={(id === "problems" && Boolean(counts.problems)) || undefined}
            title={id === open ? `Hide ${title}` : title}
            onClick={() => show(id === open ? "" : id)}
          >
            {title}
            {counts[id] !== undefined ? <span className="count">{counts[id]}</span> : null}
          </button>
        ))}
      </div>
      {open ? (
        <button type="button" className="fold-drawer" aria-label="Hide the panel" title="Hide the panel (Ctrl+J)" onClick={() => show("")}>
          <Icon name="down" />
        </button>
      ) : null}
    </div>
  );
}

/** All that this page has under way; and for a quiet page, how the last run ended. */
function Progress() {
  const runs = useRuns((state) => state.runs);
  const busy = Object.values(runs).some((run) => run.state === "pending" || run.state === "running");
  const now = useNow(busy);
  const shown = useShownRun();
  const paused = useQueue((state) => state.paused);
  const overall = overallOf(Object.values(runs), now);
  if (overall) {
    const percent = Math.round(overall.share * 100);
    return (
      <span className="overall">
        {overall.all > 1 ? <span>{overall.all - overall.open + 1} of {overall.all}</span> : null}
        <progress max={1} value={overall.share} aria-label="All runs" />
        <span className="figures">
          {percent} %{overall.left > 0.5 ? ` · ${shownLeft(overall.left)} left` : ""}
        </span>
        {paused ? <span className="warn">Queue paused</span> : null}
      </span>
    );
  }
  return (
    <span className="overall" role="status">
      {paused ? <span className="warn">Queue paused</span> : null}
      {shown?.ended !== undefined ? <Ending state={shown.state} seconds={shown.began === undefined ? undefined : (shown.ended - shown.began) / 1000} /> : null}
    </span>
  );
}

function Ending({ state, seconds }: { state: string; seconds: number | undefined }) {
  const took = seconds === undefined ? "" : ` ${state === "completed" ? "in" : "after"} ${shownSeconds(Math.max(0, seconds))}`;
  if (state === "completed")
    return (
      <span className="good">
        <Icon name="check" size={14} /> Done{took}
      </span>
    );
  if (state === "failed")
    return (
      <button type="button" className="bad" onClick={() => show("problems")}>
        Failed{took}
      </button>
    );
  return <span>Stopped{took}</span>;
}

function Connection() {
  const connected = useRuns((state) => state.connected);
  const ever = useRuns((state) => state.everConnected);
  const text = connected ? "Connected" : ever ? "Reconnecting…" : "Connecting…";
  return (
    <span className="connection" data-state={connected ? "on" : "off"} title={connected ? "The server answers" : "Your work is kept here"}>
      <i aria-hidden /> {text}
    </span>
  );
}
