/** Everything that is in the way, by node: what validation says, and what failed in the last run. */

import type { Problem } from "../api/client";
import { defOf, type NodeDefs } from "../api/nodeDefs";
import { fixOf, type Fix } from "../graph/fixes";
import { withGraphAt, type Graph, type GraphNode, type Workflow } from "../graph/model";
import { setValue } from "../graph/ops";
import { useEditor, useTab } from "../state/editor";
import type { Run } from "../state/runs";
import { useShownRun } from "../state/running";
import { useServer } from "../state/server";
import { placeOf, useReveal } from "./reveal";
import "./Problems.css";

interface Repair {
  readonly node: string;
  readonly path: readonly string[];
  readonly fix: Fix;
}

export function Problems() {
  const problems = useServer((state) => state.problems);
  const defs = useServer((state) => state.defs);
  const workflow = useTab((tab) => tab.workflow);
  const failures = failuresOf(useShownRun());
  const reveal = useReveal();
  const groups = grouped(problems);
  const repairs = problems.flatMap((problem) => repairOf(problem, workflow, defs) ?? []);
  if (!groups.length && !failures.length) return <p className="empty">Nothing is in the way. What is wrong with a workflow is told here as you edit.</p>;
  return (
    <div className="drawer-body problems">
      {repairs.length > 1 ? (
        <p className="fix-all">
          <button type="button" onClick={() => mend(repairs)}>Fix {repairs.length} of these</button>
        </p>
      ) : null}
      {groups.map(([id, found]) => (
        <section key={id} aria-label={id ? titleOf(id, workflow, defs) : "The workflow"}>
          <NodeTitle id={id} title={id ? titleOf(id, workflow, defs) : "The workflow"} reveal={reveal} />
          <ul>
            {found.map((problem, index) => (
              <Row key={index} problem={problem} repair={repairOf(problem, workflow, defs)} />
            ))}
          </ul>
        </section>
      ))}
      {failures.length ? <h3 className="of-run">In the last run</h3> : null}
      {failures.map(([id, message]) => (
        <section key={id}>
          <NodeTitle id={id} title={id ? titleOf(id, workflow, defs) : "The run"} reveal={reveal} />
          <ul>
            <li>
              <span className="severity error">Failed</span>
              <span>{message}</span>
            </li>
          </ul>
        </section>
      ))}
    </div>
  );
}

function NodeTitle({ id, title, reveal }: { id: string; title: string; reveal: (id: string) => void }) {
  return (
    <h3>
      {title}
      {id ? (
        <button type="button" className="show" aria-label={`Show ${title}`} onClick={() => reveal(id)}>
          Show
        </button>
      ) : null}
    </h3>
  );
}

function Row({ problem, repair }: { problem: Problem; repair: Repair | undefined }) {
  return (
    <li>
      <span className={`severity ${problem.severity}`}>{problem.severity === "error" ? "Error" : "Note"}</span>
      <span>
        {problem.input ? <b>{problem.input}: </b> : null}
        {problem.message}
        {problem.hint ? <small> {problem.hint}</small> : null}
      </span>
      {repair ? (
        <button type="button" onClick={() => mend([repair])}>{repair.fix.label}</button>
      ) : null}
    </li>
  );
}

/** Nodes that failed in a run, and why; a run that failed as a whole has no node. */
export function failuresOf(run: Run | undefined): readonly (readonly [string, string])[] {
  if (run?.state !== "failed") return [];
  const failed = Object.entries(run.nodes).flatMap(([id, node]) => (node.state === "error" && node.error ? [[id, node.error] as const] : []));
  // What an inner node says, its instance repeats.
  const inner = failed.filter(([id]) => !failed.some(([other]) => other.startsWith(`${id}:`)));
  return inner.length ? inner : [["", run.error ?? "The run failed."]];
}

function grouped(problems: readonly Problem[]): readonly (readonly [string, readonly Problem[]])[] {
  const groups = new Map<string, Problem[]>();
  for (const problem of problems) groups.set(problem.node, [...(groups.get(problem.node) ?? []), problem]);
  return [...groups];
}

function found(id: string, workflow: Workflow): { readonly node: GraphNode | undefined; readonly path: readonly string[] } {
  const { path, node } = placeOf(workflow, id);
  return { path, node: graphIn(workflow, path).nodes[node] };
}

function graphIn(workflow: Workflow, path: readonly string[]): Graph {
  const inner = path.at(-1);
  return inner === undefined ? workflow.graph : (workflow.subgraphs[inner]?.graph ?? workflow.graph);
}

export function titleOf(id: string, workflow: Workflow, defs: NodeDefs): string {
  const { node } = found(id, workflow);
  return node ? (node.title ?? defOf(node, defs, workflow)?.title ?? node.classType) : id;
}

function repairOf(problem: Problem, workflow: Workflow, defs: NodeDefs): Repair | undefined {
  const { node, path } = found(problem.node, workflow);
  const input = node && defOf(node, defs, workflow)?.inputs.find((each) => each.name === problem.input);
  const fix = fixOf(problem, input);
  return node && fix ? { node: node.id, path, fix } : undefined;
}

function mend(repairs: readonly Repair[]): void {
  const label = repairs.length === 1 ? repairs[0]!.fix.label : "Fix problems";
  useEditor.getState().edit(label, (workflow) =>
    repairs.reduce(
      (now, { node, path, fix }) => withGraphAt(now, path, setValue(graphIn(now, path), node, fix.input, fix.value)),
      workflow,
    ),
  );
}
