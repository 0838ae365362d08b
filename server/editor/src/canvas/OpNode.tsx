/** One node: its header, sockets, widgets, what is wrong with it, how far it is, and what came of it. */

import { NodeResizeControl, useStoreApi, type NodeProps } from "@xyflow/react";
import { memo, useMemo, useState, type CSSProperties, type MouseEvent } from "react";
import { useShallow } from "zustand/shallow";
import type { Problem } from "../api/client";
import { viewUrl } from "../api/client";
import { defOf, type InputDef, type NodeDef } from "../api/nodeDefs";
import { changeNode, setValue } from "../graph/ops";
import { linkId, type GraphNode } from "../graph/model";
import type { Json } from "../json";
import { useDiffMark } from "../state/comparison";
import { useEditor, useGraph, useTab } from "../state/editor";
import { prefixOf, useNodeRun, type NodeRun, type ShownFile } from "../state/runs";
import { lookAt } from "../state/gallery";
import { useNodeHeat } from "../state/heat";
import { problemsOf, useServer, type PlannedNode } from "../state/server";
import { WidgetField } from "../widgets/WidgetField";
import { fixOf } from "../graph/fixes";
import { nameOfInput } from "../graph/names";
import { exposedAs } from "../graph/subgraphs";
import { Icon } from "../ui/icons";
import { useDetail } from "./detail";
import { boxesOf } from "./flow";
import { inputHandle, outputHandle } from "./handles";
import { NodeHeader } from "./NodeHeader";
import { InputSocket, OutputSocket, SocketHandle } from "./Socket";
import type { FlowNode } from "./drawing";

/** From far away a node that was measured keeps its place alone: its look is drawn on one canvas with the others. */
export const OpNode = memo(function OpNode({ id, selected, height }: NodeProps<FlowNode>) {
  const far = useDetail((state) => state.far);
  return far && height ? <Place id={id} height={height} /> : <Whole id={id} selected={selected} />;
});

/** What React Flow measures of a node: its height, and where its links end. */
function Place({ id, height }: { id: string; height: number }) {
  const store = useStoreApi();
  const [handles] = useState(() => {
    const bounds = store.getState().nodeLookup.get(id)?.internals.handleBounds;
    return [...(bounds?.source ?? []), ...(bounds?.target ?? [])];
  });
  return (
    <div style={{ height }}>
      {handles.map(({ id: name, type, position, x, y, width, height: high }) => (
        <i key={`${type} ${name}`} className={type} data-handleid={name} data-handlepos={position} style={{ position: "absolute", left: x, top: y, width, height: high }} />
      ))}
    </div>
  );
}

const Whole = memo(function Whole({ id, selected }: Pick<NodeProps<FlowNode>, "id" | "selected">) {
  const node = useGraph((graph) => graph.nodes[id]);
  const def = useNodeDef(node);
  const tab = useTab((each) => each.id);
  const run = useNodeRun(tab, id);
  const heat = useNodeHeat(id);
  const planned = usePlanned(id);
  const diff = useDiffMark(id);
  const problems = useProblems(id);
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
      <NodeHeader node={node} def={def} run={run} planned={planned} broken={problems.some((problem) => problem.severity === "error")} />
      {node.collapsed ? (
        <CollapsedSockets def={def} />
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

/** The class of a node; an instance follows its definitions. */
export function useNodeDef(node: GraphNode | undefined): NodeDef | undefined {
  const defs = useServer((state) => state.defs);
  const whole = useTab((tab) => (node?.classType.startsWith("subgraph:") ? tab.workflow : undefined));
  const classType = node?.classType;
  return useMemo(() => (node && whole ? defOf(node, defs, whole) : classType === undefined ? undefined : defs[classType]), [classType, defs, whole]);
}

/** What is wrong with a node that is looked at; inside a sub-graph, with its place in the first instance. */
export function useProblems(id: string): readonly Problem[] {
  const problems = useServer((state) => state.problems);
  const prefix = useTab(prefixOf);
  return useMemo(() => problemsOf(problems, prefix + id), [problems, prefix, id]);
}

/** What running would do to a node; to an instance, what it would do to any of its inside. */
export function usePlanned(id: string): PlannedNode | undefined {
  const prefix = useTab(prefixOf);
  return useServer(
    useShallow((state) => {
      const full = prefix + id;
      const known = state.plan?.nodes[full];
      if (known || !state.plan) return known;
      const inner = Object.entries(state.plan.nodes).flatMap(([each, node]) => (each.startsWith(`${full}:`) ? [node] : []));
      if (!inner.length) return undefined;
      const runs = inner.filter((node) => node.state === "runs");
      const seconds = runs.some((node) => node.seconds === undefined) ? undefined : runs.reduce((sum, node) => sum + (node.seconds ?? 0), 0);
      return { state: runs.length ? ("runs" as const) : ("cached" as const), why: runs.length ? `${runs.length} of ${inner.length} nodes inside` : "", seconds };
    }),
  );
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

function WidgetRow({ node, input, problem }: { node: GraphNode; input: InputDef; problem: Problem | undefined }) {
  const linked = useGraph((graph) => linkId(node.id, input.name) in graph.links);
  const value: Json | undefined = node.values[input.name] ?? input.default;
  const named = useTab(({ workflow, path }) => {
    const definition = path.length ? workflow.subgraphs[path.at(-1)!] : undefined;
    return definition ? exposedAs(definition, node.id, input.name) : path.length ? undefined : nameOfInput(workflow, node.id, input.name);
  });
  const inside = useTab((tab) => tab.path.length > 0);
  return (
    <div className="widget-row" data-input={input.name} data-named={named === undefined ? undefined : ""} data-linked={linked || undefined} data-bad={problem?.severity === "error" || undefined}>
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
      {named === undefined ? null : (
        <i className="named-mark" role="img" aria-label={`${inside ? "Shown on the sub-graph" : "Workflow input"}: ${named}`} title={`${inside ? "Shown on the sub-graph" : "Workflow input"}: ${named}`}>
          <Icon name="entry" size={11} />
        </i>
      )}
      {problem ? <Complaint problem={problem} node={node} input={input} /> : null}
    </div>
  );
}

/** What is wrong, in words, and a click that mends it where there is one. */
export function Complaint({ problem, node, input }: { problem: Problem; node: GraphNode; input?: InputDef }) {
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

function CollapsedSockets({ def }: { def: NodeDef | undefined }) {
  return (
    <div className="folded-sockets">
      {def?.inputs.map((input) => (
        <SocketHandle key={input.name} id={inputHandle(input.name)} type={input.type} side="target" label={`Input ${input.name}, ${input.type}`} />
      ))}
      {def?.outputs.map((output, index) => (
        <SocketHandle key={index} id={outputHandle(index)} type={output.type} side="source" label={`Output ${output.name}, ${output.type}`} />
      ))}
    </div>
  );
}

/** A plain click looks at the picture here; with a modifier the browser does what it does with links. */
function lookInstead(event: MouseEvent, image: ShownFile): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  lookAt(image);
}

function Results({ run, title }: { run: NodeRun | undefined; title: string }) {
  if (run?.preview) return <img className="result preview" src={run.preview} alt={`Preview of ${title}`} draggable={false} />;
  return (
    <>
      {run?.images?.slice(0, 4).map((image) => (
        <a key={image.filename} className="nodrag" href={viewUrl(image)} target="_blank" rel="noreferrer" onClick={(event) => lookInstead(event, image)}>
          <img className="result" src={viewUrl(image)} alt={`${title}: ${image.filename}`} draggable={false} loading="lazy" />
        </a>
      ))}
      {run?.texts?.slice(0, 4).map((text, index) => (
        <pre key={index} className="result nodrag nowheel">{text}</pre>
      ))}
    </>
  );
}

/** The width is what is asked for; the height is what the content needs. */
function resize(id: string, width: number): void {
  const height = boxesOf([id])[0]?.height ?? 0;
  useEditor.getState().editGraph("Resize", (graph) => changeNode(graph, id, { size: [Math.round(width), Math.round(height)] }));
}
