/** One node: its header, sockets, widgets, what is wrong with it, how far it is, and what came of it. */

import { Handle, NodeResizeControl, Position, type NodeProps } from "@xyflow/react";
import { memo, useMemo, type CSSProperties } from "react";
import type { Problem } from "../api/client";
import { viewUrl } from "../api/client";
import { defOf, type InputDef, type NodeDef, type OutputDef } from "../api/nodeDefs";
import { changeNode, setValue } from "../graph/ops";
import { shownSeconds } from "../graph/duration";
import { linkId, type GraphNode } from "../graph/model";
import { colorOf, shapeOf } from "../graph/types";
import type { Json } from "../json";
import { useDiffMark } from "../state/comparison";
import { useEditor, useGraph, useTab } from "../state/editor";
import { useNodeRun, type NodeRun } from "../state/runs";
import { useNodeHeat } from "../state/heat";
import { problemsOf, useServer, type PlannedNode } from "../state/server";
import { WidgetField } from "../widgets/WidgetField";
import { fixOf } from "../graph/fixes";
import { inputHandle, outputHandle } from "./handles";
import type { FlowNode } from "./drawing";

export const OpNode = memo(function OpNode({ id, selected }: NodeProps<FlowNode>) {
  const node = useGraph((graph) => graph.nodes[id]);
  const workflow = useTab((tab) => tab.workflow.subgraphs);
  const defs = useServer((state) => state.defs);
  const whole = useTab((tab) => (node?.classType.startsWith("subgraph:") ? tab.workflow : undefined));
  const def = useMemo(
    () => node && (whole ? defOf(node, defs, whole) : defs[node.classType]),
    // eslint-disable-next-line -- an instance follows its definitions
    [node?.classType, defs, workflow, whole],
  );
  const tab = useTab((each) => each.id);
  const inside = useTab((each) => each.path.length > 0);
  const run = useNodeRun(tab, id);
  const heat = useNodeHeat(id);
  const planned = useServer((state) => (inside ? undefined : state.plan?.nodes[id]));
  const diff = useDiffMark(id);
  const problems = useProblems(id, inside);
  if (!node) return null;
  const general = problems.filter((problem) => !problem.input || !def?.inputs.some((each) => each.name === problem.input));
  return (
    <article
      className="op"
      data-testid={`node-${id}`}
      data-selected={selected || undefined}
      data-state={run?.state}
      data-mode={node.mode}
      data-diff={diff}
      data-broken={problems.some((problem) => problem.severity === "error") || undefined}
      data-unknown={!def || undefined}
      data-heat={heat === undefined ? undefined : ""}
      style={{ ...(node.color && { "--node-tint": node.color }), ...(heat !== undefined && { "--heat": heat }) } as CSSProperties}
    >
      <Header node={node} def={def} run={run} planned={planned} />
      {node.collapsed ? (
        <CollapsedSockets node={node} def={def} />
      ) : (
        <>
          {def ? <Body node={node} def={def} problems={problems} /> : <Placeholder node={node} />}
          {general.map((problem, index) => (
            <Complaint key={index} problem={problem} node={node} />
          ))}
          {run?.error ? <p className="complaint" role="alert">{run.error}</p> : null}
          <Results run={run} title={node.title ?? def?.title ?? node.classType} />
          <NodeResizeControl className="resize" minWidth={180} onResizeEnd={(_event, { width }) => resize(id, width)} />
        </>
      )}
    </article>
  );
});

function useProblems(id: string, inside: boolean): readonly Problem[] {
  const problems = useServer((state) => state.problems);
  return useMemo(() => (inside ? [] : problemsOf(problems, id)), [problems, id, inside]);
}

function Header({ node, def, run, planned }: { node: GraphNode; def: NodeDef | undefined; run: NodeRun | undefined; planned: PlannedNode | undefined }) {
  const title = node.title ?? def?.title ?? node.classType;
  const share = run?.state === "running" && run.max > 0 ? run.value / run.max : undefined;
  return (
    <header className="op-head" title={def ? `${def.classType}\n${def.description}` : node.classType}>
      <button
        type="button"
        className="fold nodrag"
        aria-label={node.collapsed ? "Unfold" : "Fold"}
        aria-expanded={!node.collapsed}
        onClick={() =>
          useEditor.getState().editGraph(node.collapsed ? "Unfold" : "Fold", (graph) =>
            changeNode(graph, node.id, { collapsed: node.collapsed ? undefined : true } as Partial<GraphNode>),
          )
        }
      >
        {node.collapsed ? "▸" : "▾"}
      </button>
      <h3>{title}</h3>
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

function Status({ run, planned }: { run: NodeRun | undefined; planned: PlannedNode | undefined }) {
  if (run?.state === "running") return <span className="badge run">{run.max > 1 ? `${run.value}/${run.max}` : "…"}</span>;
  if (run?.state === "error") return <span className="badge bad">failed</span>;
  const dot = <PlanDot planned={planned} />;
  if (run?.state === "cached") return <>{planned?.state === "runs" ? dot : null}<span className="badge time">cached</span></>;
  if (run?.state === "done" && run.seconds !== undefined)
    return <>{planned?.state === "runs" ? dot : null}<span className="badge time">{shownSeconds(run.seconds)}</span></>;
  return dot;
}

/** What running would do about the node now. */
function PlanDot({ planned }: { planned: PlannedNode | undefined }) {
  if (planned?.state === "cached") return <span className="dot full" role="img" aria-label="cached" title="Cached: will not run" />;
  if (planned?.state === "runs")
    return (
      <span
        className="dot hollow"
        role="img"
        aria-label="will run"
        title={`Will run${planned.seconds !== undefined ? `, about ${shownSeconds(planned.seconds)}` : ""}${planned.why ? `\n${planned.why}` : ""}`}
      />
    );
  return null;
}

function Body({ node, def, problems }: { node: GraphNode; def: NodeDef; problems: readonly Problem[] }) {
  const sockets = def.inputs.filter((input) => !input.widget);
  const widgets = def.inputs.filter((input) => input.widget);
  const rows = Math.max(sockets.length, def.outputs.length);
  return (
    <>
      <div className="sockets">
        {Array.from({ length: rows }, (_unused, index) => (
          <div className="socket-row" key={index}>
            {sockets[index] ? <InputSocket input={sockets[index]} problem={problemOn(problems, sockets[index])} /> : <span />}
            {def.outputs[index] ? <OutputSocket output={def.outputs[index]} index={index} /> : <span />}
          </div>
        ))}
      </div>
      {widgets.map((input) => (
        <WidgetRow key={input.name} node={node} input={input} problem={problemOn(problems, input)} />
      ))}
    </>
  );
}

function problemOn(problems: readonly Problem[], input: InputDef): Problem | undefined {
  return problems.find((problem) => problem.input === input.name);
}

function InputSocket({ input, problem }: { input: InputDef; problem: Problem | undefined }) {
  return (
    <div className="socket in" data-required={input.required || undefined} data-bad={problem?.severity === "error" || undefined} title={problem?.message ?? input.tooltip}>
      <SocketHandle id={inputHandle(input.name)} type={input.type} side="target" label={`Input ${input.name}, ${input.type}`} />
      <span>{input.name}</span>
      {problem?.severity === "error" ? <em className="why">{problem.code === "required_input_missing" ? "needs a link" : problem.message}</em> : null}
    </div>
  );
}

function OutputSocket({ output, index }: { output: OutputDef; index: number }) {
  return (
    <div className="socket out" title={output.tooltip || output.type}>
      <span>{output.name}</span>
      <SocketHandle id={outputHandle(index)} type={output.type} side="source" list={output.list} label={`Output ${output.name}, ${output.type}`} />
    </div>
  );
}

function SocketHandle({ id, type, side, list = false, label }: { id: string; type: string; side: "source" | "target"; list?: boolean; label: string }) {
  return (
    <Handle
      id={id}
      type={side}
      position={side === "source" ? Position.Right : Position.Left}
      className={`socket-handle ${shapeOf(type)}`}
      data-list={list || undefined}
      aria-label={label}
      style={{ "--socket": colorOf(type) } as CSSProperties}
    />
  );
}

function WidgetRow({ node, input, problem }: { node: GraphNode; input: InputDef; problem: Problem | undefined }) {
  const linked = useGraph((graph) => linkId(node.id, input.name) in graph.links);
  const value: Json | undefined = node.values[input.name] ?? input.default;
  return (
    <div className="widget-row" data-linked={linked || undefined} data-bad={problem?.severity === "error" || undefined}>
      <SocketHandle id={inputHandle(input.name)} type={input.type} side="target" label={`Input ${input.name}, ${input.type}`} />
      {linked ? (
        <span className="linked-name">{input.name}</span>
      ) : (
        <WidgetField
          node={node}
          input={input}
          value={value}
          change={(next, merge) =>
            useEditor.getState().editGraph(`Change ${input.name}`, (graph) => setValue(graph, node.id, input.name, next), merge)
          }
        />
      )}
      {problem ? <Complaint problem={problem} node={node} input={input} /> : null}
    </div>
  );
}

/** What is wrong, in words, and a click that mends it where there is one. */
function Complaint({ problem, node, input }: { problem: Problem; node: GraphNode; input?: InputDef }) {
  const fix = fixOf(problem, input);
  return (
    <p className={problem.severity === "error" ? "complaint" : "complaint mild"} role={problem.severity === "error" ? "alert" : undefined}>
      {problem.message}
      {problem.hint ? <small> {problem.hint}</small> : null}
      {fix ? (
        <button
          type="button"
          className="fix nodrag"
          onClick={() => useEditor.getState().editGraph(fix.label, (graph) => setValue(graph, node.id, fix.input, fix.value))}
        >
          {fix.label}
        </button>
      ) : null}
    </p>
  );
}

function Placeholder({ node }: { node: GraphNode }) {
  const inputs = useGraph((graph) => graph.links);
  const names = useMemo(
    () => [
      ...new Set([
        ...Object.values(inputs).filter((link) => link.target === node.id).map((link) => link.input),
        ...Object.keys(node.values),
      ]),
    ],
    [inputs, node],
  );
  const outputs = useMemo(
    () => Math.max(0, ...Object.values(inputs).filter((link) => link.source === node.id).map((link) => link.output + 1)),
    [inputs, node.id],
  );
  return (
    <>
      <p className="complaint">
        The class <code>{node.classType}</code> is not installed. The node is kept as it is.
      </p>
      <div className="sockets">
        {Array.from({ length: Math.max(names.length, outputs) }, (_unused, index) => (
          <div className="socket-row" key={index}>
            {names[index] !== undefined ? (
              <div className="socket in">
                <SocketHandle id={inputHandle(names[index])} type="*" side="target" label={`Input ${names[index]}`} />
                <span>{names[index]}</span>
              </div>
            ) : (
              <span />
            )}
            {index < outputs ? (
              <div className="socket out">
                <span>{index}</span>
                <SocketHandle id={outputHandle(index)} type="*" side="source" label={`Output ${index}`} />
              </div>
            ) : (
              <span />
            )}
          </div>
        ))}
      </div>
    </>
  );
}

function CollapsedSockets({ node, def }: { node: GraphNode; def: NodeDef | undefined }) {
  return (
    <div className="folded-sockets" aria-hidden>
      {def?.inputs.map((input) => (
        <SocketHandle key={input.name} id={inputHandle(input.name)} type={input.type} side="target" label={`${node.id} ${input.name}`} />
      ))}
      {def?.outputs.map((output, index) => (
        <SocketHandle key={index} id={outputHandle(index)} type={output.type} side="source" label={`${node.id} ${output.name}`} />
      ))}
    </div>
  );
}

function Results({ run, title }: { run: NodeRun | undefined; title: string }) {
  if (run?.preview) return <img className="result preview" src={run.preview} alt={`Preview of ${title}`} draggable={false} />;
  return (
    <>
      {run?.images?.slice(0, 4).map((image) => (
        <a key={image.filename} className="nodrag" href={viewUrl(image)} target="_blank" rel="noreferrer">
          <img className="result" src={viewUrl(image)} alt={`${title}: ${image.filename}`} draggable={false} loading="lazy" />
        </a>
      ))}
      {run?.texts?.slice(0, 4).map((text, index) => (
        <pre key={index} className="result nodrag nowheel">{text}</pre>
      ))}
    </>
  );
}

function resize(id: string, width: number): void {
  useEditor.getState().editGraph("Resize", (graph) => changeNode(graph, id, { size: [Math.round(width), graph.nodes[id]?.size?.[1] ?? 0] }));
}
