/** The top of a node: its title, what it is about to do, how far it is. */

import { useState } from "react";
import type { NodeDef } from "../api/nodeDefs";
import { shownSeconds } from "../graph/duration";
import type { GraphNode } from "../graph/model";
import { useTab } from "../state/editor";
import type { NodeRun } from "../state/runs";
import type { PlannedNode } from "../state/server";
import { nameOfOutput } from "../graph/names";
import { Icon } from "../ui/icons";
import { setTitle, toggleCollapsed } from "./actions";
import { elementOf } from "./flow";
import { useGesture } from "./gesture";

interface Props {
  readonly node: GraphNode;
  readonly def: NodeDef | undefined;
  readonly run: NodeRun | undefined;
  readonly planned: PlannedNode | undefined;
  readonly broken: boolean;
}

export function NodeHeader({ node, def, run, planned, broken }: Props) {
  const title = node.title ?? def?.title ?? node.classType;
  const share = run?.state === "running" && run.max > 0 ? run.value / run.max : undefined;
  const renaming = useGesture((state) => state.renaming === node.id);
  const output = useTab((tab) => (tab.path.length ? undefined : nameOfOutput(tab.workflow, node.id)));
  const instance = node.classType.startsWith("subgraph:");
  return (
    <header className="op-head" title={renaming ? undefined : def ? `${instance ? "Sub-graph" : def.classType}\n${def.description}`.trim() : node.classType}>
      <button type="button" className="fold nodrag" tabIndex={-1} aria-label={node.collapsed ? "Unfold" : "Fold"} aria-expanded={!node.collapsed} onClick={() => toggleCollapsed([node.id])}>
        <Icon name={node.collapsed ? "right" : "down"} size={14} />
      </button>
      {instance ? <i className="head-icon"><Icon name="layers" size={14} /></i> : null}
      {renaming ? <TitleField id={node.id} title={title} /> : <h3 id={`title-${node.id}`}>{title}</h3>}
      <span id={`about-${node.id}`} className="only-heard">{told(node, def, run, planned, broken)}</span>
      {node.pinned ? <i className="head-icon" title="Pinned in place"><Icon name="pin" size={13} /></i> : null}
      {output === undefined ? null : <span className="named" title={`Workflow output: ${output}`}><Icon name="exit" size={12} /> {output}</span>}
      {node.mode ? <span className="badge">{node.mode === "mute" ? "muted" : "bypassed"}</span> : null}
      <Status run={run} planned={planned} />
      {share !== undefined ? (
        <div className="bar" role="progressbar" aria-valuenow={Math.round(share * 100)} aria-valuemin={0} aria-valuemax={100} aria-label={`${title} progress`}>
          <i style={{ width: `${share * 100}%` }} />
        </div>
      ) : null}
    </header>
  );
}

/** Class and state, for those who hear the page. */
function told(node: GraphNode, def: NodeDef | undefined, run: NodeRun | undefined, planned: PlannedNode | undefined, broken: boolean): string {
  const state = broken
    ? "has problems"
    : run?.state === "running" || run?.state === "error"
      ? { running: "running", error: "failed" }[run.state]
      : planned
        ? { cached: "cached", runs: "will run" }[planned.state]
        : run?.state === "done"
          ? "done"
          : "";
  const mode = node.mode === "mute" ? "muted" : node.mode === "bypass" ? "bypassed" : "";
  const name = def ? (node.classType.startsWith("subgraph:") ? "sub-graph" : def.title === node.title || node.title === undefined ? "" : def.title) : "not installed";
  return [name, mode, node.collapsed ? "folded" : "", state].filter(Boolean).join(", ");
}

function TitleField({ id, title }: { id: string; title: string }) {
  const [text, setText] = useState(title);
  const done = (keep: boolean) => {
    if (useGesture.getState().renaming !== id) return;
    useGesture.setState({ renaming: undefined });
    if (keep) setTitle(id, text);
    elementOf(id)?.focus({ preventScroll: true });
  };
  return (
    <input
      autoFocus
      className="title-field nodrag"
      aria-label="Title"
      data-draft=""
      value={text}
      onFocus={(event) => event.target.select()}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => done(true)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        done(event.key === "Enter");
      }}
    />
  );
}

function Status({ run, planned }: { run: NodeRun | undefined; planned: PlannedNode | undefined }) {
  if (run?.state === "running") return <span className="badge run">{run.max > 1 ? `${run.value}/${run.max}` : "running"}</span>;
  if (run?.state === "error") return <span className="badge bad"><Icon name="warn" size={12} /> failed</span>;
  const time = run?.state === "done" && run.seconds !== undefined ? <span className="badge time">{shownSeconds(run.seconds)}</span> : null;
  if (planned?.state === "cached")
    return (
      <>
        {time}
        <span className="dot full" role="img" aria-label="cached" title="Cached: will not run" />
      </>
    );
  if (planned?.state === "runs") {
    const about = planned.seconds !== undefined ? `, about ${shownSeconds(planned.seconds)}` : "";
    return <span className="dot hollow" role="img" aria-label="will run" title={`Will run${about}${planned.why ? `\n${planned.why}` : ""}`} />;
  }
  return time;
}
