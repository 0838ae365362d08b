/** A workflow as a form: what it takes, a button, and what comes of it. */

import { useCallback, useEffect, useMemo, useRef } from "react";
import { viewUrl } from "../api/client";
import { defOf, type InputDef } from "../api/nodeDefs";
import { command } from "../app/commands";
import { shownLeft } from "../graph/duration";
import { linkId, type GraphNode, type NamedInput, type Workflow } from "../graph/model";
import { setValue } from "../graph/ops";
import { suggestedInputs } from "../graph/suggest";
import { useEditor, useTab } from "../state/editor";
import { fractionOf, secondsLeft } from "../state/headway";
import { isOpen, useRuns, type NodeRun, type Run } from "../state/runs";
import { useShownRun } from "../state/running";
import { problemsOf, useServer } from "../state/server";
import { setView } from "../state/view";
import { Icon } from "../ui/icons";
import { fieldId, WidgetField } from "../widgets/WidgetField";
import { copyLink } from "./Files";
import { useNow } from "./now";
import "./FormView.css";

interface Field {
  readonly name: string;
  readonly named: NamedInput;
  readonly node: GraphNode;
  readonly input: InputDef;
}

export function FormView() {
  const workflow = useTab((tab) => tab.workflow);
  const file = useTab((tab) => tab.file);
  const defs = useServer((state) => state.defs);
  const nothing = !Object.keys(workflow.graph.nodes).length;
  const isNamed = Object.keys(workflow.inputs).length > 0;
  const suggested = useMemo(() => (isNamed ? {} : suggestedInputs(workflow, defs)), [isNamed, workflow, defs]);
  const fields = fieldsOf(workflow, isNamed ? workflow.inputs : suggested, defs);
  const share = () => void copyLink(new URL(`?workflow=${encodeURIComponent(file ?? "")}&view=form`, document.baseURI).toString());
  return (
    <div className="form-view">
      <div className="form-columns">
        <form
          className="form-inputs"
          aria-label={workflow.title}
          onSubmit={(event) => {
            event.preventDefault();
            command("run").run();
          }}
        >
          <header>
            <h1>{workflow.title}</h1>
            {file !== undefined ? (
              <button type="button" className="icon-button" aria-label="Copy a link to this form" title="Copy a link to this form" onClick={share}>
                <Icon name="link" />
              </button>
            ) : null}
            {workflow.description ? <p>{workflow.description}</p> : null}
          </header>
          {nothing ? <p className="form-hint">This workflow is empty. <button type="button" onClick={() => setView("graph")}>Build it as a graph</button></p> : null}
          {!isNamed && !nothing ? <Suggestion inputs={suggested} /> : null}
          {fields.map((field) => (
            <FormField key={field.name} {...field} />
          ))}
        </form>
        <Outcome workflow={workflow} />
      </div>
      {nothing ? null : <RunBar />}
    </div>
  );
}

function fieldsOf(workflow: Workflow, inputs: Workflow["inputs"], defs: ReturnType<typeof useServer.getState>["defs"]): Field[] {
  const fields = Object.entries(inputs).flatMap(([name, named]): Field[] => {
    const node = workflow.graph.nodes[named.node];
    const input = node && defOf(node, defs, workflow)?.inputs.find((each) => each.name === named.input);
    return node && input?.widget ? [{ name, named, node, input }] : [];
  });
  return fields.sort((a, b) => (a.named.order ?? 0) - (b.named.order ?? 0));
}

function Suggestion({ inputs }: { inputs: Workflow["inputs"] }) {
  const count = Object.keys(inputs).length;
  return (
    <div className="form-hint">
      <p>No inputs are named yet: right-click a widget of the graph to name it.{count ? " Until then these are shown." : ""}</p>
      {count ? (
        <button type="button" onClick={() => useEditor.getState().edit("Name inputs", (workflow) => ({ ...workflow, inputs }))}>
          Name these {count}
        </button>
      ) : null}
    </div>
  );
}

function FormField({ name, named, node, input }: Field) {
  const linked = useTab((tab) => linkId(node.id, input.name) in tab.workflow.graph.links);
  const problems = useServer((state) => state.problems);
  const problem = problemsOf(problems, node.id).find((each) => each.input === input.name);
  const help = named.help ?? input.tooltip;
  const id = fieldId({ node, input });
  const long = input.widget?.kind === "text" || (input.widget?.kind === "combo" && input.widget.upload);
  return (
    <div className="form-field" data-long={long || undefined} data-bad={problem?.severity === "error" || undefined}>
      <label htmlFor={id}>{named.title ?? name}</label>
      {linked ? (
        <p className="form-hint">It comes from another node.</p>
      ) : (
        <WidgetField
          node={node}
          input={input}
          value={node.values[input.name] ?? input.default}
          change={(next, merge) =>
            useEditor.getState().edit(`Change ${input.name}`, (workflow) => ({ ...workflow, graph: setValue(workflow.graph, node.id, input.name, next) }), merge)
          }
        />
      )}
      {help ? <small>{help.replaceAll("`", "")}</small> : null}
      {problem ? <p className="complaint" role="alert">{problem.message} {problem.hint}</p> : null}
    </div>
  );
}

/** Run and Stop where a thumb reaches them, and how far it is. */
function RunBar() {
  const run = useShownRun();
  const running = run !== undefined && isOpen(run);
  const errors = useServer((state) => state.problems.filter((problem) => problem.severity === "error").length);
  return (
    <div className="run-bar">
      <div className="run-state" aria-live="polite">
        {running ? <Going run={run} /> : errors ? `${errors} ${errors === 1 ? "problem" : "problems"}` : run?.state === "failed" ? (run.error ?? "It failed.") : ""}
      </div>
      {running ? (
        <button type="button" className="stop" onClick={command("interrupt").run}>
          Stop
        </button>
      ) : null}
      <button type="button" className="primary" onClick={command("run").run}>
        {running ? "Run again" : "Run"}
      </button>
    </div>
  );
}

function Going({ run }: { run: Run }) {
  const now = useNow(true);
  const share = fractionOf(run);
  const left = secondsLeft(run, now);
  return (
    <>
      <progress max={1} value={share} aria-label="Run progress" />
      <span>{run.state === "pending" ? "waiting" : `${Math.round(share * 100)} %${left > 0.5 ? ` · ${shownLeft(left)} left` : ""}`}</span>
    </>
  );
}

/** The named outputs; without any, whatever was shown. */
function Outcome({ workflow }: { workflow: Workflow }) {
  const tab = useTab((each) => each.id);
  const run = useRuns((state) => state.runs[state.shown[tab] ?? ""]);
  const nodes = run?.nodes ?? {};
  const preview = run && isOpen(run) ? Object.values(nodes).find((node) => node.preview)?.preview : undefined;
  const named = Object.entries(workflow.outputs).map(([name, { node }]) => ({ name, nodes: under(nodes, node) }));
  const shown = named.length ? named : Object.entries(nodes).filter(([, node]) => node.images?.length || node.texts?.length).map(([id, node]) => ({ name: workflow.graph.nodes[id]?.title ?? id, nodes: [node] }));
  const { place, follow, leave } = useFollowing(run && isOpen(run) ? run.job : undefined);
  const empty = !preview && !shown.some((each) => each.nodes.some((node) => node.images?.length || node.texts?.length));
  return (
    <section ref={place} className="form-outputs" aria-label="Results" onLoadCapture={follow} onPointerDown={leave}>
      {preview ? <img className="form-picture" src={preview} alt="How it looks so far" /> : null}
      {preview ? null : shown.map(({ name, nodes: parts }) => <Shown key={name} name={name} nodes={parts} alone={shown.length === 1} />)}
      {empty ? <p className="form-empty">{run && isOpen(run) ? "On its way" : "What comes of it is shown here."}</p> : null}
    </section>
  );
}

/** Below the inputs, as on a phone, results would come out of sight: a run brings them in, until somebody looks elsewhere. */
function useFollowing(job: string | undefined) {
  const place = useRef<HTMLElement>(null);
  const following = useRef(false);
  const follow = useCallback(() => {
    if (following.current) place.current?.scrollIntoView({ block: "start" });
  }, []);
  const leave = useCallback(() => {
    following.current = false;
  }, []);
  useEffect(() => {
    const inputs = place.current?.previousElementSibling?.getBoundingClientRect();
    if (!job || !inputs || place.current!.getBoundingClientRect().top < inputs.bottom) return;
    following.current = true;
    follow();
  }, [job, follow]);
  useEffect(() => {
    const kinds = ["wheel", "touchmove"] as const;
    for (const kind of kinds) window.addEventListener(kind, leave, { passive: true });
    return () => {
      for (const kind of kinds) window.removeEventListener(kind, leave);
    };
  }, [leave]);
  return { place, follow, leave };
}

/** The runs of a node; of those in it, when it stands for a sub-graph. */
function under(nodes: Readonly<Record<string, NodeRun>>, id: string): NodeRun[] {
  return Object.entries(nodes).flatMap(([key, node]) => (key === id || key.startsWith(`${id}:`) ? [node] : []));
}

function Shown({ name, nodes, alone }: { name: string; nodes: readonly NodeRun[]; alone: boolean }) {
  const images = nodes.flatMap((node) => node.images ?? []);
  const texts = nodes.flatMap((node) => node.texts ?? []);
  if (!images.length && !texts.length) return null;
  return (
    <figure>
      {alone ? null : <figcaption>{name}</figcaption>}
      {images.map((image) => (
        <div key={`${image.subfolder}/${image.filename}`} className="form-result">
          <a href={viewUrl(image)} target="_blank" rel="noreferrer">
            <img className="form-picture" src={viewUrl(image)} alt={`${name}: ${image.filename}`} />
          </a>
          <a className="button with-icon" href={viewUrl(image)} download={image.filename}>
            <Icon name="download" /> Download
          </a>
        </div>
      ))}
      {texts.map((text, index) => <pre key={index}>{text}</pre>)}
    </figure>
  );
}
