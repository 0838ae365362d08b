/** The line of jobs: what runs, what waits in which order, and what failed. */

import { useEffect, useState, type DragEvent, type KeyboardEvent } from "react";
import { shownLeft } from "../graph/duration";
import { CLIENT_ID } from "../state/client";
import { useEditor } from "../state/editor";
import { openJob } from "../state/jobs";
import { forecast, useQueue, type Job } from "../state/queue";
import { fractionOf } from "../state/headway";
import { useRuns } from "../state/runs";
import { Icon, type IconName } from "../ui/icons";
import { useNow } from "./now";
import "./Queue.css";

export function Queue() {
  const { running, pending, pendingCount, failed, paused, progress, durations } = useQueue();
  const runs = useRuns((state) => state.runs);
  const now = useNow(running.length > 0);
  const [dragged, setDragged] = useState("");
  const [over, setOver] = useState(-1);
  const [said, setSaid] = useState("");
  const times = forecast({ running, pending, durations, progress }, runs, now);
  useEffect(() => void useQueue.getState().refresh(), []);

  const move = (job: Job, to: number) => {
    void useQueue.getState().move(job.id, to);
    setSaid(`Moved to place ${Math.min(Math.max(to, 0), pending.length - 1) + 1} of ${pending.length}.`);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    const job = pending.find((each) => each.id === dragged);
    const from = pending.findIndex((each) => each.id === dragged);
    if (job && over >= 0) move(job, over > from ? over - 1 : over);
    setDragged("");
    setOver(-1);
  };
  const last = pending.at(-1);
  const all = last && times[last.id];
  const whole = all?.begins !== undefined && all.takes !== undefined ? all.begins + all.takes : running[0] && !last ? times[running[0].id]?.takes : undefined;

  return (
    <>
      <div className="drawer-head">
        <span>
          {running.length ? `${running.length} running` : "Nothing runs"}
          {pendingCount ? `, ${pendingCount} waiting` : ""}
          {whole ? `, about ${shownLeft(whole)}` : ""}
        </span>
        <span className="fill" />
        {pending.length > 1 ? (
          <button type="button" onClick={() => pending.filter(mine).forEach((job) => void useQueue.getState().cancel(job.id))}>
            Cancel my waiting jobs
          </button>
        ) : null}
        <button type="button" className="with-icon" aria-pressed={paused} onClick={() => void useQueue.getState().pause(!paused)}>
          <Icon name={paused ? "play" : "pause"} size={14} /> {paused ? "Resume the queue" : "Pause the queue"}
        </button>
      </div>
      <div className="drawer-body">
        <p className="only-read" aria-live="polite">{said}</p>
        {!running.length && !pending.length && !failed.length ? <p className="empty">Nothing waits. Jobs of every client of this server are listed here.</p> : null}
        <ul className="jobs" aria-label="Running">
          {running.map((job) => (
            <RunningRow key={job.id} job={job} left={times[job.id]?.takes} share={progress[job.id]} />
          ))}
        </ul>
        <ol className="jobs" aria-label="Waiting, in order" onDragOver={(event) => event.preventDefault()} onDrop={onDrop}>
          {pending.map((job, index) => (
            <li
              key={job.id}
              tabIndex={0}
              draggable
              data-over={(dragged && over === index) || undefined}
              data-over-end={(dragged && over === pending.length && index === pending.length - 1) || undefined}
              data-dragged={dragged === job.id || undefined}
              aria-label={`${titleOf(job, runs)}, place ${index + 1}. Alt with up or down moves it.`}
              onDragStart={(event) => {
                event.dataTransfer.effectAllowed = "move";
                event.dataTransfer.setData("text/plain", job.id);
                setDragged(job.id);
              }}
              onDragOver={(event) => {
                const box = event.currentTarget.getBoundingClientRect();
                setOver(event.clientY > box.top + box.height / 2 ? index + 1 : index);
              }}
              onDragEnd={() => setDragged("")}
              onKeyDown={(event: KeyboardEvent<HTMLLIElement>) => {
                if (event.target !== event.currentTarget) return;
                const to = event.altKey ? { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: pending.length }[event.key] : undefined;
                if (to !== undefined) move(job, to);
                else if (event.key === "Delete") void useQueue.getState().cancel(job.id);
                else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
                  const beside = event.key === "ArrowUp" ? event.currentTarget.previousElementSibling : event.currentTarget.nextElementSibling;
                  (beside as HTMLElement | null)?.focus();
                } else return;
                event.preventDefault();
                event.stopPropagation();
              }}
            >
              <span className="grip" aria-hidden><Icon name="grip" size={14} /></span>
              <span className="place">{index + 1}</span>
              <Title job={job} />
              <span className="when">{waitText(times[job.id]?.begins)}</span>
              <Act icon="front" label="Run next" run={() => move(job, 0)} hidden={index === 0} />
              <Act icon="open" label="Open its workflow" run={() => void openJob(job.id)} />
              <Act icon="close" label="Cancel" run={() => void useQueue.getState().cancel(job.id)} />
            </li>
          ))}
        </ol>
        {pendingCount > pending.length ? <p className="empty">and {pendingCount - pending.length} more</p> : null}
        {failed.length ? <h3 className="jobs-title">Failed</h3> : null}
        <ul className="jobs" aria-label="Failed">
          {failed.map((job) => (
            <li key={job.id} data-failed>
              <span className="state">{job.state === "quarantined" ? "set aside" : "failed"}</span>
              <Title job={job} />
              <span className="why" title={job.failure}>{job.failure}</span>
              <Act icon="again" label="Run again" run={() => void useQueue.getState().retry(job.id)} />
              <Act icon="open" label="Open its workflow" run={() => void openJob(job.id)} />
              <Act icon="bin" label="Remove from the list" run={() => void useQueue.getState().dismiss(job.id)} />
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

function RunningRow({ job, left, share }: { job: Job; left: number | undefined; share: number | undefined }) {
  const run = useRuns((state) => state.runs[job.id]);
  const done = run && Object.keys(run.planned).length ? fractionOf(run) : share;
  return (
    <li data-running>
      <span className="state">running</span>
      <Title job={job} />
      <progress max={1} value={done ?? 0} aria-label="Progress" />
      <span className="when">
        {done === undefined ? "" : `${Math.round(done * 100)} %`}
        {left !== undefined && left > 0.5 ? ` · ${shownLeft(left)} left` : ""}
      </span>
      <Act icon="open" label="Open its workflow" run={() => void openJob(job.id)} />
      <Act icon="stop" label="Stop" run={() => void useQueue.getState().cancel(job.id)} />
    </li>
  );
}

function Title({ job }: { job: Job }) {
  const run = useRuns((state) => state.runs[job.id]);
  const open = useEditor((state) => state.tabs.find((tab) => tab.workflow.id === job.workflow)?.workflow.title);
  return (
    <span className="title">
      <span>{run?.title ?? open ?? nameOf(job)}</span>
      {mine(job) ? <span className="mark">this page</span> : null}
      {job.priority ? <span className="mark">priority {job.priority}</span> : null}
    </span>
  );
}

function Act({ icon, label, run, hidden = false }: { icon: IconName; label: string; run: () => void; hidden?: boolean }) {
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} style={hidden ? { visibility: "hidden" } : undefined} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}

function mine(job: Job): boolean {
  return job.client === CLIENT_ID;
}

function titleOf(job: Job, runs: Readonly<Record<string, { readonly title: string }>>): string {
  return runs[job.id]?.title ?? nameOf(job);
}

function nameOf(job: Job): string {
  return /^[0-9a-f-]{32,}$/i.test(job.workflow) || !job.workflow ? `Job ${job.id.slice(0, 8)}` : job.workflow;
}

function waitText(begins: number | undefined): string {
  if (begins === undefined) return "";
  return begins < 1 ? "next" : `in about ${shownLeft(begins)}`;
}
