/** Where the time of the shown run went. */

import { useEffect, useState } from "react";
import { call } from "../api/client";
import { shownSeconds } from "../graph/duration";
import { useTab } from "../state/editor";
import { useHeat } from "../state/heat";
import { readTimeline, slowest, withWaits, type Row, type Timeline } from "../state/profile";
import { isOpen } from "../state/runs";
import { useShownRun } from "../state/running";
import { useServer } from "../state/server";
import { titleOf } from "./Problems";
import { useReveal } from "./reveal";
import "./Profile.css";

export function Profile() {
  const run = useShownRun();
  const [timeline, setTimeline] = useState<Timeline>();
  const heat = useHeat((state) => state.on);
  const by = useHeat((state) => state.by);
  const ended = run && !isOpen(run) ? run.job : undefined;
  useEffect(() => {
    if (ended === undefined) {
      setTimeline(undefined);
      return;
    }
    let gone = false;
    const path = `v1/jobs/${encodeURIComponent(ended)}`;
    Promise.all([call("GET", `${path}/timeline`), call("GET", `${path}/workflow`)]).then(
      ([trace, graph]) => {
        if (gone) return;
        const read = withWaits(readTimeline(trace), graph);
        setTimeline(read);
        useHeat.getState().set({ bytes: Object.fromEntries(read.rows.flatMap(({ node, bytes }) => (bytes === undefined ? [] : [[node, bytes]]))) });
      },
      () => gone || setTimeline(undefined),
    );
    return () => {
      gone = true;
    };
  }, [ended]);

  return (
    <>
      <div className="drawer-head">
        <span>{timeline ? summary(timeline) : ""}</span>
        <span className="fill" />
        <label>
          Heat map on the graph{" "}
          <select value={heat ? by : ""} disabled={!timeline} onChange={(event) => warm(event.target.value)}>
            <option value="">off</option>
            <option value="time">of time</option>
            <option value="memory">of memory</option>
          </select>
        </label>
        {ended !== undefined ? (
          <a className="button-like" href={`v1/jobs/${encodeURIComponent(ended)}/timeline`} download="timeline.json" title="For Perfetto or chrome://tracing">
            Save the trace
          </a>
        ) : null}
      </div>
      <div className="drawer-body">
        {run && isOpen(run) && !timeline ? <p className="empty">The profile comes with the end of the run.</p> : null}
        {!run ? <p className="empty">Run the workflow to see where its time goes.</p> : null}
        {timeline && !timeline.rows.length ? <p className="empty">Nothing ran.</p> : null}
        {timeline?.rows.length ? <Chart timeline={timeline} /> : null}
      </div>
    </>
  );
}

function warm(by: string): void {
  useHeat.getState().set(by === "" ? { on: false } : { on: true, by: by === "memory" ? "memory" : "time" });
}

function summary(timeline: Timeline): string {
  const cached = timeline.rows.filter((row) => row.state === "cached").length;
  const ran = timeline.rows.length - cached;
  return `${ran} ${ran === 1 ? "node" : "nodes"} ran in ${shownSeconds(timeline.seconds)}${cached ? `, ${cached} cached` : ""}`;
}

function Chart({ timeline }: { timeline: Timeline }) {
  const workflow = useTab((tab) => tab.workflow);
  const defs = useServer((state) => state.defs);
  const reveal = useReveal();
  const whole = Math.max(timeline.seconds, 1e-6);
  const kinds = [...new Set(timeline.rows.flatMap((row) => row.spans.map((span) => span.kind)))];
  const titled = (row: Row) => titleOf(row.node, workflow, defs);
  return (
    <div className="profile">
      <div className="chart" role="list" aria-label="Timeline">
        <div className="ruler" aria-hidden>
          {[0, 0.25, 0.5, 0.75, 1].map((at) => <span key={at} style={{ left: `${at * 100}%` }}>{shownSeconds(at * whole)}</span>)}
        </div>
        {timeline.rows.map((row) => (
          <button type="button" role="listitem" key={row.node} className="lane" title={tellOf(row)} onClick={() => reveal(row.node)}>
            <span className="name">{titled(row)}</span>
            <span className="track">
              {row.state === "cached" ? <em>cached</em> : null}
              {row.spans.map((span, index) => (
                <i key={index} data-kind={span.kind} style={{ left: `${(span.start / whole) * 100}%`, width: `max(2px, ${(span.seconds / whole) * 100}%)` }} />
              ))}
            </span>
            <span className="took">{row.state === "cached" ? "" : shownSeconds(row.seconds)}</span>
          </button>
        ))}
        <p className="legend">
          {kinds.map((kind) => <span key={kind}><i data-kind={kind} /> {kind}</span>)}
        </p>
      </div>
      <table>
        <caption>Slowest nodes</caption>
        <thead>
          <tr><th scope="col">Node</th><th scope="col">Time</th><th scope="col">Share</th>{timeline.rows.some((row) => row.bytes) ? <th scope="col">Memory</th> : null}<th scope="col">Why it ran</th></tr>
        </thead>
        <tbody>
          {slowest(timeline).map((row) => (
            <tr key={row.node}>
              <td><button type="button" className="link" onClick={() => reveal(row.node)}>{titled(row)}</button></td>
              <td className="figure">{shownSeconds(row.seconds)}</td>
              <td className="figure">{Math.round((row.seconds / whole) * 100)} %</td>
              {timeline.rows.some((each) => each.bytes) ? <td className="figure">{row.bytes === undefined ? "" : shownBytes(row.bytes)}</td> : null}
              <td>{row.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function tellOf(row: Row): string {
  const parts = row.spans.map((span) => `${span.kind}: ${shownSeconds(span.seconds)}${span.note ? ` (${span.note})` : ""}`);
  return [row.classType, ...parts, row.state === "cached" ? "The result was there already." : row.why, row.reused ? "Another run computed it at the same time." : ""].filter(Boolean).join("\n");
}

function shownBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
