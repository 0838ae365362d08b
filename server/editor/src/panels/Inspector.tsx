/** The right edge: all about what is selected; with nothing selected, about the workflow. */

import { useMemo } from "react";
import { defOf, type InputDef, type NodeDef } from "../api/nodeDefs";
import { command } from "../app/commands";
import { Complaint, useNodeDef, usePlanned, useProblems } from "../canvas/OpNode";
import { setTitle } from "../canvas/actions";
import { shownSeconds } from "../graph/duration";
import { linkId, subgraphOf, type GraphNode } from "../graph/model";
import * as names from "../graph/names";
import { setValue, usesOf } from "../graph/ops";
import { changeDefinition, dropDefinition, removeInlet, removeOutlet, renameInlet, renameOutlet } from "../graph/subgraphs";
import { useEditor, useGraph, useTab } from "../state/editor";
import { useNodeRun } from "../state/runs";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import { Markdown } from "../ui/Markdown";
import { FieldPlace, WidgetField } from "../widgets/WidgetField";
import { focusNode } from "../canvas/flow";
import { NamedList } from "./NamedList";
import "./Inspector.css";

export function Inspector() {
  const open = useUi((state) => state.inspector);
  const selection = useTab((tab) => tab.selection);
  const nodes = useGraph((graph) => graph.nodes);
  const chosen = useMemo(() => [...selection].filter((id) => id in nodes), [selection, nodes]);
  if (!open) return null;
  const only = chosen.length === 1 && selection.size === 1 ? nodes[chosen[0]!] : undefined;
  return (
    <aside className="inspector" aria-label="Inspector">
      {only ? <OneNode key={only.id} node={only} /> : selection.size > 1 ? <Several count={selection.size} /> : <Whole />}
    </aside>
  );
}

function Head({ title, children }: { title: string; children?: React.ReactNode }) {
  return (
    <header className="inspector-head">
      <h2>{title}</h2>
      {children}
      <button type="button" className="icon-button" aria-label="Hide the inspector" title="Hide the inspector (I)" onClick={() => useUi.getState().set({ inspector: false })}>
        <Icon name="right" />
      </button>
    </header>
  );
}

function OneNode({ node }: { node: GraphNode }) {
  const def = useNodeDef(node);
  const problems = useProblems(node.id);
  const links = useGraph((graph) => graph.links);
  const general = problems.filter((problem) => !def?.inputs.some((input) => input.name === problem.input));
  return (
    <>
      <Head title={node.title ?? def?.title ?? node.classType} />
      <div className="inspector-body">
        <label className="field">
          Title
          <input value={node.title ?? ""} placeholder={def?.title ?? node.classType} onChange={(event) => retitle(node.id, event.target.value)} onBlur={(event) => setTitle(node.id, event.target.value)} />
        </label>
        <p className="class-line">
          <code>{subgraphOf(node) === undefined ? node.classType : "Sub-graph"}</code>
          {def?.category ? <span>{def.category}</span> : null}
          {def?.pack ? <span>{def.pack}</span> : null}
          <span>node {node.id}</span>
        </p>
        <Work node={node} />
        {general.map((problem, index) => (
          <Complaint key={index} problem={problem} node={node} />
        ))}
        {def?.inputs.some((input) => input.widget) ? (
          <section>
            <h3>Parameters</h3>
            <FieldPlace value="inspector">
              {def.inputs.filter((input) => input.widget).map((input) => (
                <Parameter key={input.name} node={node} input={input} linked={linkId(node.id, input.name) in links} />
              ))}
            </FieldPlace>
          </section>
        ) : null}
        {def ? <Sockets node={node} def={def} /> : <p>The class {node.classType} is not installed.</p>}
        {def?.description ? (
          <section>
            <h3>About {def.title}</h3>
            <Markdown text={def.description} />
          </section>
        ) : null}
      </div>
    </>
  );
}

function retitle(id: string, title: string): void {
  useEditor.getState().editGraph("Rename", (graph) => {
    const node = graph.nodes[id];
    return node ? { ...graph, nodes: { ...graph.nodes, [id]: { ...node, title } } } : graph;
  }, `title ${id}`);
}

/** What the last run took, and what the next would do. */
function Work({ node }: { node: GraphNode }) {
  const tab = useTab((each) => each.id);
  const run = useNodeRun(tab, node.id);
  const planned = usePlanned(node.id);
  const rows: (readonly [string, string])[] = [];
  if (run?.state === "running") rows.push(["Now", run.max > 1 ? `step ${run.value} of ${run.max}` : "running"]);
  if (run?.seconds !== undefined) rows.push(["Last run", shownSeconds(run.seconds)]);
  if (run?.state === "error") rows.push(["Last run", run.error ?? "failed"]);
  if (planned?.state === "cached") rows.push(["Next run", "cached: will not run"]);
  if (planned?.state === "runs") rows.push(["Next run", planned.seconds === undefined ? "will run" : `will run, about ${shownSeconds(planned.seconds)}`]);
  if (planned?.why) rows.push(["Because", planned.why]);
  if (node.mode) rows.push(["Mode", node.mode === "mute" ? "muted: does not run, and what needs it goes without" : "bypassed: passes on what it is given"]);
  if (!rows.length) return null;
  return (
    <dl className="work">
      {rows.map(([name, text], index) => (
        <div key={index}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function Parameter({ node, input, linked }: { node: GraphNode; input: InputDef; linked: boolean }) {
  const problem = useProblems(node.id).find((each) => each.input === input.name);
  return (
    <div className="parameter" data-bad={problem?.severity === "error" || undefined}>
      {linked ? (
        <p className="linked-name">{input.name}: given by a link</p>
      ) : (
        <WidgetField
          node={node}
          input={input}
          value={node.values[input.name] ?? input.default}
          change={(next, merge) => useEditor.getState().editGraph(`Change ${input.name}`, (graph) => setValue(graph, node.id, input.name, next), merge)}
        />
      )}
      {problem ? <Complaint problem={problem} node={node} input={input} /> : null}
      {input.tooltip ? <div className="help-text"><Markdown text={input.tooltip} /></div> : null}
    </div>
  );
}

function Sockets({ node, def }: { node: GraphNode; def: NodeDef }) {
  const graph = useGraph((each) => each);
  const workflow = useTab((tab) => tab.workflow);
  const defs = useServer((state) => state.defs);
  const inputs = def.inputs.filter((input) => !input.widget || linkId(node.id, input.name) in graph.links);
  if (!inputs.length && !def.outputs.length) return null;
  const title = (id: string) => {
    const other = graph.nodes[id];
    return other?.title ?? (other && defOf(other, defs, workflow)?.title) ?? id;
  };
  const to = (id: string) => <button key={id} type="button" className="go" onClick={() => focusNode(id)}>{title(id)}</button>;
  return (
    <section>
      <h3>Links</h3>
      <dl className="links">
        {inputs.map((input) => {
          const link = graph.links[linkId(node.id, input.name)];
          return (
            <div key={`in ${input.name}`}>
              <dt title={input.tooltip}>{input.name} <small>{input.type}</small></dt>
              <dd>{link ? <>from {to(link.source)}</> : input.required ? "needs a link" : "optional"}</dd>
            </div>
          );
        })}
        {def.outputs.map((output, index) => {
          const targets = [...new Set(Object.values(graph.links).filter((link) => link.source === node.id && link.output === index).map((link) => link.target))];
          return (
            <div key={`out ${index}`}>
              <dt title={output.tooltip}>{output.name} <small>{output.type}</small></dt>
              <dd>{targets.length ? <>to {targets.map(to)}</> : "not used"}</dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

const ARRANGE = ["align-left", "align-centre", "align-right", "align-top", "align-middle", "align-bottom", "distribute-across", "distribute-down", "tidy"];
const MORE = ["group", "subgraph", "duplicate", "mute", "bypass", "collapse", "pin", "delete"];

function Several({ count }: { count: number }) {
  return (
    <>
      <Head title={`${count} selected`} />
      <div className="inspector-body">
        <h3>Align and distribute</h3>
        <div className="tools">
          {ARRANGE.map((id) => {
            const { title, icon, run } = command(id);
            return (
              <button key={id} type="button" aria-label={title} title={title} onClick={run}>
                <Icon name={icon ?? "tidy"} size={18} />
              </button>
            );
          })}
        </div>
        <h3>Together</h3>
        <div className="actions">
          {MORE.map((id) => {
            const { title, icon, run } = command(id);
            return (
              <button key={id} type="button" onClick={run}>
                <Icon name={icon ?? "more"} size={14} /> {title.replace(" the selected nodes", "")}
              </button>
            );
          })}
        </div>
      </div>
    </>
  );
}

function Whole() {
  const path = useTab((tab) => tab.path);
  return path.length ? <Definition id={path.at(-1)!} /> : <WorkflowFacts />;
}

function WorkflowFacts() {
  const workflow = useTab((tab) => tab.workflow);
  const { edit } = useEditor.getState();
  const uses = useMemo(() => Object.values(workflow.subgraphs).map((each) => [each, usesOf(workflow, each.id)] as const), [workflow]);
  return (
    <>
      <Head title="Workflow" />
      <div className="inspector-body">
        <label className="field">
          Title
          <input value={workflow.title} onChange={(event) => edit("Rename workflow", (each) => ({ ...each, title: event.target.value }), "workflow title")} />
        </label>
        <label className="field">
          Description
          <textarea rows={4} value={workflow.description} placeholder="What it does, for people" onChange={(event) => edit("Describe workflow", (each) => ({ ...each, description: event.target.value }), "workflow description")} />
        </label>
        <NamedList
          title="Inputs"
          empty="Right click a parameter to make it an input of the workflow: the form, scripts and the command line can set it."
          entries={names.orderedInputs(workflow).map(([name, each]) => ({ name, at: each.node, about: `${nameOf(workflow.graph.nodes[each.node], each.node)}, ${each.input}` }))}
          rename={(before, after) => edit("Rename input", (each) => names.renameInput(each, before, after))}
          move={(name, by) => edit("Move input", (each) => names.moveInput(each, name, by))}
          remove={(name) => edit("Remove input", (each) => names.removeInput(each, name))}
        />
        <NamedList
          title="Outputs"
          empty="Right click a node to make it an output of the workflow."
          entries={Object.entries(workflow.outputs).map(([name, each]) => ({ name, at: each.node.split(":")[0]!, about: nameOf(workflow.graph.nodes[each.node], each.node) }))}
          rename={(before, after) => edit("Rename output", (each) => names.renameOutput(each, before, after))}
          move={(name, by) => edit("Move output", (each) => names.moveOutput(each, name, by))}
          remove={(name) => edit("Remove output", (each) => names.removeOutput(each, name))}
        />
        {uses.length ? (
          <section>
            <h3>Sub-graphs</h3>
            <ul className="definitions">
              {uses.map(([{ id, title }, count]) => (
                <li key={id}>
                  <button type="button" className="go" onClick={() => useEditor.getState().enter([id])}>{title}</button>
                  <span>{count ? `used ${count === 1 ? "once" : `${count} times`}` : "not used"}</span>
                  {count ? null : (
                    <button type="button" className="icon-button" aria-label={`Delete ${title}`} title="Delete" onClick={() => edit("Delete sub-graph", (each) => dropDefinition(each, id))}>
                      <Icon name="bin" size={14} />
                    </button>
                  )}
                </li>
              ))}
            </ul>
          </section>
        ) : null}
      </div>
    </>
  );
}

function nameOf(node: GraphNode | undefined, id: string): string {
  return node?.title ?? node?.classType ?? id;
}

/** The face of the sub-graph that is looked at. */
function Definition({ id }: { id: string }) {
  const definition = useTab((tab) => tab.workflow.subgraphs[id]);
  const { edit } = useEditor.getState();
  if (!definition) return null;
  const about = (node: string, what: string) => `${nameOf(definition.graph.nodes[node], node)}, ${what}`;
  return (
    <>
      <Head title="Sub-graph" />
      <div className="inspector-body">
        <label className="field">
          Title
          <input value={definition.title} onChange={(event) => edit("Rename sub-graph", (each) => changeDefinition(each, id, { title: event.target.value }), "subgraph title")} />
        </label>
        <NamedList
          title="Inputs"
          empty="Right click an input socket to let it be fed from outside."
          entries={Object.entries(definition.inputs).map(([name, { to, type }]) => ({ name, at: to[0]?.[0] ?? "", about: to[0] ? `${about(to[0][0], to[0][1])}, ${type}` : type }))}
          rename={(before, after) => edit("Rename input", (each) => renameInlet(each, id, before, after))}
          remove={(name) => edit("Remove input", (each) => removeInlet(each, id, name))}
        />
        <NamedList
          title="Shown parameters"
          empty="Right click a parameter to show it on the sub-graph."
          entries={Object.entries(definition.exposed).map(([name, [node, input]]) => ({ name, at: node, about: about(node, input) }))}
          rename={(before, after) => edit("Rename parameter", (each) => renameInlet(each, id, before, after))}
          remove={(name) => edit("Hide parameter", (each) => removeInlet(each, id, name))}
        />
        <NamedList
          title="Outputs"
          empty="Right click an output socket to give it to the outside."
          entries={Object.entries(definition.outputs).map(([name, [node, output]]) => ({ name, at: node, about: about(node, `output ${output}`) }))}
          rename={(before, after) => edit("Rename output", (each) => renameOutlet(each, id, before, after))}
          remove={(name) => edit("Remove output", (each) => removeOutlet(each, id, name))}
        />
      </div>
    </>
  );
}
