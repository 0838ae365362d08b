/** A sweep: which values, what they will cost, and then the grid of what came of them. */

import { useEffect, useId, useMemo, useState } from "react";
import { viewUrl } from "../api/client";
import { defOf, type InputDef, type NodeDefs } from "../api/nodeDefs";
import { writeDocument } from "../graph/document";
import { shownLeft, shownSeconds } from "../graph/duration";
import { linkId, type Workflow } from "../graph/model";
import type { Json } from "../json";
import { activeTab, useEditor, useTab } from "../state/editor";
import { pictureOf, useGallery } from "../state/gallery";
import { fractionOf, overallOf } from "../state/headway";
import { isOpen, useRuns, type Run } from "../state/runs";
import { useServer, type Plan } from "../state/server";
import { planOf, stopAll, submit } from "../state/submit";
import { MOST_RUNS, cellsOf, costOf, drawSeeds, openSweep, plannedAgain, readValues, shownValue, useSweep, type Axis, type Cell, type Sweep as Swept } from "../state/sweep";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import { Modal } from "./dialog";
import { useNow } from "./now";
import { saveGrid } from "./sweepPicture";
import "./Sweep.css";

export function Sweep() {
  const asking = useSweep((state) => state.asking);
  const showing = useSweep((state) => state.showing);
  const last = useSweep((state) => state.last);
  if (asking) return <Question key={`${asking.node} ${asking.input}`} node={asking.node} input={asking.input} />;
  return showing && last ? <Grid sweep={last} /> : null;
}

/** What may be swept: widgets of the outermost graph that no link feeds. */
interface Place {
  readonly node: string;
  readonly nodeTitle: string;
  readonly input: InputDef;
  readonly value: Json | undefined;
}

function placesOf(workflow: Workflow, defs: NodeDefs): readonly Place[] {
  return Object.values(workflow.graph.nodes).flatMap((node) => {
    const def = defOf(node, defs, workflow);
    return (def?.inputs ?? []).flatMap((input) =>
      input.widget && input.widget.kind !== "color" && !(linkId(node.id, input.name) in workflow.graph.links)
        ? [{ node: node.id, nodeTitle: node.title ?? def?.title ?? node.classType, input, value: node.values[input.name] ?? input.default }]
        : [],
    );
  });
}

/** Asks for a sweep of what is selected: its seed, or else its first number. */
export function askForSweep(): void {
  const state = useEditor.getState();
  const { workflow, selection } = activeTab(state);
  const places = placesOf(workflow, useServer.getState().defs);
  const rank = ({ node, input }: Place) =>
    (selection.has(node) ? 0 : 10) + (input.widget?.kind === "int" && input.widget.seed ? 0 : input.widget?.kind === "float" ? 1 : input.widget?.kind === "int" ? 2 : 3);
  const best = [...places].sort((a, b) => rank(a) - rank(b))[0];
  if (best) openSweep(best.node, best.input.name);
  else useUi.getState().toast("There is no value to sweep yet.");
}

interface Draft {
  readonly node: string;
  readonly input: string;
  readonly text: string;
}

function draftOf(place: Place): Draft {
  const { widget } = place.input;
  const now = place.value;
  const text =
    widget?.kind === "combo" || widget?.kind === "text" || widget?.kind === "boolean"
      ? String(now ?? "")
      : widget?.kind === "int" && widget.seed
        ? drawSeeds(4, widget).join(", ")
        : String(now ?? "");
  return { node: place.node, input: place.input.name, text };
}

function Question({ node, input }: { node: string; input: string }) {
  const workflow = useTab((tab) => tab.workflow);
  const defs = useServer((state) => state.defs);
  const now = useServer((state) => state.plan);
  const places = useMemo(() => placesOf(workflow, defs), [workflow, defs]);
  const find = (draft: { node: string; input: string }) => places.find((each) => each.node === draft.node && each.input.name === draft.input);
  const [drafts, setDrafts] = useState<readonly Draft[]>(() => {
    const place = find({ node, input }) ?? places[0];
    return place ? [draftOf(place)] : [];
  });
  const [plan, setPlan] = useState<Plan>();
  const [busy, setBusy] = useState(false);
  const close = () => useSweep.getState().set({ asking: undefined });

  useEffect(() => {
    let gone = false;
    void planOf({ workflow: writeDocument(workflow), cache: "refresh" }).then((found) => gone || setPlan(found));
    return () => {
      gone = true;
    };
  }, [workflow]);

  const read = drafts.map((draft) => {
    const place = find(draft);
    return place ? readValues(draft.text, place.input) : { wrong: "This input is gone." };
  });
  const axes = drafts.flatMap((draft, index): Axis[] => {
    const values = read[index];
    const place = find(draft);
    return place && values && "values" in values ? [{ node: draft.node, input: draft.input, label: `${place.nodeTitle} · ${draft.input}`, values: values.values }] : [];
  });
  const whole = axes.length === drafts.length && drafts.length > 0;
  const cells = whole ? cellsOf(axes) : [];
  const tooMany = cells.length > MOST_RUNS;
  const seconds = whole && plan ? costOf(workflow.graph, axes, plan, now) : undefined;
  const change = (index: number, draft: Draft) => setDrafts(drafts.map((each, at) => (at === index ? draft : each)));

  const begin = async () => {
    setBusy(true);
    await startSweep(workflow, axes, cells, plan);
  };

  return (
    <Modal label="Sweep a value" className="sweep-ask" close={close}>
      <header className="viewer-bar">
        <strong>Sweep a value</strong>
        <span className="fill" />
        <button type="button" className="icon-button" aria-label="Close" onClick={close}><Icon name="close" /></button>
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (whole && !tooMany && !busy) void begin();
        }}
      >
        {drafts.map((draft, index) => (
          <AxisEditor
            key={index}
            name={drafts.length === 1 ? "Value" : index === 0 ? "Across" : "Down"}
            draft={draft}
            places={places.filter((each) => !drafts.some((other, at) => at !== index && other.node === each.node && other.input === each.input.name))}
            wrong={read[index] && "wrong" in read[index] ? read[index].wrong : ""}
            count={axes[index]?.values.length}
            change={(next) => change(index, next)}
            {...(index > 0 && { remove: () => setDrafts(drafts.slice(0, 1)) })}
          />
        ))}
        {drafts.length === 1 && places.length > 1 ? (
          <button
            type="button"
            onClick={() => {
              const other = places.find((each) => each.node !== drafts[0]!.node || each.input.name !== drafts[0]!.input);
              if (other) setDrafts([...drafts, draftOf(places.find((each) => each.input.name === "cfg" && each.input.name !== drafts[0]!.input) ?? other)]);
            }}
          >
            Add a second value
          </button>
        ) : null}
        <footer>
          <span aria-live="polite" className={tooMany ? "wrong" : ""}>
            {tooMany ? `${cells.length} runs are too many; at most ${MOST_RUNS}.` : whole ? costText(cells.length, seconds, plan) : ""}
          </span>
          <span className="fill" />
          <button type="button" onClick={close}>Cancel</button>
          <button type="submit" className="primary" disabled={!whole || tooMany || busy}>Run the sweep</button>
        </footer>
      </form>
    </Modal>
  );
}

function costText(runs: number, seconds: number | undefined, plan: Plan | undefined): string {
  const count = `${runs} ${runs === 1 ? "run" : "runs"}`;
  if (seconds === undefined || !plan) return count;
  if (plan.unknown) return seconds > 0 ? `${count}, ${shownSeconds(seconds)} or more` : `${count}; how long they take is not known yet`;
  return `${count}, about ${shownSeconds(seconds)}`;
}

function AxisEditor({ name, draft, places, wrong, count, change, remove }: {
  name: string;
  draft: Draft;
  places: readonly Place[];
  wrong: string;
  count: number | undefined;
  change: (draft: Draft) => void;
  remove?: () => void;
}) {
  const id = useId();
  const place = places.find((each) => each.node === draft.node && each.input.name === draft.input);
  const nodes = [...new Set(places.map((each) => each.node))];
  const set = (text: string) => change({ ...draft, text });
  return (
    <fieldset>
      <legend>{name}</legend>
      <div className="axis-input">
        <select
          aria-label={`${name}: which input`}
          value={`${draft.node} ${draft.input}`}
          onChange={(event) => {
            const next = places.find((each) => `${each.node} ${each.input.name}` === event.target.value);
            if (next) change(draftOf(next));
          }}
        >
          {nodes.map((node) => {
            const inside = places.filter((each) => each.node === node);
            return (
              <optgroup key={node} label={inside[0]!.nodeTitle}>
                {inside.map(({ input }) => <option key={input.name} value={`${node} ${input.name}`}>{inside[0]!.nodeTitle} · {input.name}</option>)}
              </optgroup>
            );
          })}
        </select>
        {remove ? <button type="button" className="icon-button" aria-label="Remove the second value" onClick={remove}><Icon name="close" /></button> : null}
      </div>
      {place ? <ValuesEditor id={id} place={place} text={draft.text} set={set} /> : null}
      <p id={`${id}-note`} className={wrong ? "wrong" : "aside"} aria-live="polite">{wrong || `${count} ${count === 1 ? "value" : "values"}`}</p>
    </fieldset>
  );
}

function ValuesEditor({ id, place, text, set }: { id: string; place: Place; text: string; set: (text: string) => void }) {
  const { widget } = place.input;
  const [many, setMany] = useState(4);
  if (widget?.kind === "boolean") return <p className="aside">Both {widget.off} and {widget.on}.</p>;
  if (widget?.kind === "combo") return <Choices options={widget.options.map(String)} text={text} set={set} />;
  if (widget?.kind === "text")
    return (
      <label>
        One value on each line
        <textarea rows={4} value={text} aria-describedby={`${id}-note`} onChange={(event) => set(event.target.value)} />
      </label>
    );
  return (
    <>
      <label>
        Values
        <input value={text} data-first spellCheck={false} autoComplete="off" placeholder="1, 2, 3 or 1..5 step 2" aria-describedby={`${id}-note`} onChange={(event) => set(event.target.value)} />
      </label>
      {widget?.kind === "int" && widget.seed ? (
        <span className="draw">
          <input type="number" min={1} max={64} value={many} aria-label="How many seeds" onChange={(event) => setMany(Math.min(64, Math.max(1, Number(event.target.value) || 1)))} />
          <button type="button" onClick={() => set(drawSeeds(many, widget).join(", "))}>Draw random seeds</button>
        </span>
      ) : (
        <small className="aside">A list like 1, 2, 3; a range like 1..5 or 0..1 step 0.25.</small>
      )}
    </>
  );
}

function Choices({ options, text, set }: { options: readonly string[]; text: string; set: (text: string) => void }) {
  const [filter, setFilter] = useState("");
  const chosen = text.split("\n").filter(Boolean);
  const shown = options.filter((option) => option.toLowerCase().includes(filter.toLowerCase()));
  const toggle = (option: string) =>
    set(options.filter((each) => (each === option ? !chosen.includes(option) : chosen.includes(each))).join("\n"));
  return (
    <div className="choices">
      {options.length > 8 ? <input type="search" aria-label="Find a choice" placeholder="Find" value={filter} onChange={(event) => setFilter(event.target.value)} /> : null}
      <div className="choices-list" role="group" aria-label="Choices">
        {shown.map((option) => (
          <label key={option}>
            <input type="checkbox" checked={chosen.includes(option)} onChange={() => toggle(option)} /> {option}
          </label>
        ))}
      </div>
      <span className="draw">
        <button type="button" onClick={() => set([...new Set([...options.filter((each) => chosen.includes(each) || shown.includes(each))])].join("\n"))}>All{filter ? " found" : ""}</button>
        <button type="button" onClick={() => set("")}>None</button>
      </span>
    </div>
  );
}

/** Submits a sweep, cell by cell, while the grid is shown already. */
async function startSweep(workflow: Workflow, axes: readonly Axis[], cells: readonly Cell[], plan: Plan | undefined): Promise<void> {
  const tab = activeTab(useEditor.getState()).id;
  const { set } = useSweep.getState();
  const sweep: Swept = { tab, title: workflow.title, axes, cells };
  set({ asking: undefined, last: sweep, showing: true });
  const again = plan && plannedAgain(workflow.graph, axes, plan);
  for (const [index, cell] of cells.entries()) {
    const title = `${workflow.title}: ${Object.entries(cell.inputs).map(([name, value]) => `${name.split(".").at(-1)} ${shownValue(value)}`).join(", ")}`;
    const job = await submit({ inputs: cell.inputs, title, ...(again && index > 0 && { planned: again }) });
    const now = useSweep.getState().last;
    if (now?.axes !== axes) return;
    const stopped = now.stopped || job === undefined;
    const next = job === undefined ? now.cells : now.cells.map((each, at) => (at === index ? { ...each, job } : each));
    set({ last: { ...now, cells: next, stopped } });
    if (stopped) {
      if (job !== undefined) await stopAll([job]);
      return;
    }
  }
}

function Grid({ sweep }: { sweep: Swept }) {
  const runs = useRuns((state) => state.runs);
  const mine = sweep.cells.flatMap((cell) => runs[cell.job ?? ""] ?? []);
  const busy = mine.some(isOpen);
  const now = useNow(busy);
  const [across, down] = sweep.axes;
  const close = () => useSweep.getState().set({ showing: false });
  if (!across) return null;
  const done = mine.filter((run) => !isOpen(run)).length;
  const overall = overallOf(mine, now);
  return (
    <Modal label="Results of the sweep" className="sweep-grid" close={close}>
      <header className="viewer-bar">
        <strong>{across.label}{down ? ` × ${down.label}` : ""}</strong>
        <span className="fill" />
        <span className="aside" role="status">
          {done} of {sweep.cells.length} done{overall && overall.left > 0.5 ? ` · ${shownLeft(overall.left)} left` : ""}
        </span>
        {busy ? <button type="button" className="stop" onClick={() => cancelAll(sweep)}>Cancel all</button> : null}
        <button type="button" className="with-icon" disabled={!mine.some(imageOf)} onClick={() => void saveGrid(sweep, (job) => imageOf(runs[job]))}>
          <Icon name="download" size={14} /> Save as one picture
        </button>
        <button type="button" className="icon-button" aria-label="Close" title="Close; the runs go on" onClick={close}><Icon name="close" /></button>
      </header>
      <div className="grid-body">
        {down ? null : (
          <ul className="wrapped">
            {sweep.cells.map((cell) => (
              <li key={cell.x}>
                <span>{across.input} {shownValue(across.values[cell.x]!)}</span>
                <Result run={runs[cell.job ?? ""]} stopped={sweep.stopped === true} />
              </li>
            ))}
          </ul>
        )}
        {down ? (
          <table>
            <thead>
              <tr>
                <th scope="col" className="corner">{down.input} \ {across.input}</th>
                {across.values.map((value, x) => <th scope="col" key={x}>{across.input} {shownValue(value)}</th>)}
              </tr>
            </thead>
            <tbody>
              {down.values.map((value, y) => (
                <tr key={y}>
                  <th scope="row">{down.input} {shownValue(value)}</th>
                  {sweep.cells.filter((cell) => cell.y === y).map((cell) => (
                    <td key={cell.x}><Result run={runs[cell.job ?? ""]} stopped={sweep.stopped === true} /></td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </div>
    </Modal>
  );
}

function cancelAll(sweep: Swept): void {
  useSweep.getState().set({ last: { ...sweep, stopped: true } });
  void stopAll(sweep.cells.flatMap((cell) => cell.job ?? []));
}

function Result({ run, stopped }: { run: Run | undefined; stopped: boolean }) {
  const file = imageOf(run);
  if (run && file) {
    const node = Object.entries(run.nodes).find(([, each]) => each.images?.includes(file))?.[0] ?? "";
    return (
      <button type="button" className="result-cell" aria-label={`Look at ${run.title}`} onClick={() => useGallery.getState().look(pictureOf(file, run.job, node))}>
        <img src={viewUrl(file)} alt={run.title} draggable={false} />
      </button>
    );
  }
  const preview = run && Object.values(run.nodes).find((node) => node.preview)?.preview;
  return (
    <div className="result-cell waiting" title={run?.error}>
      {preview ? <img src={preview} alt="" /> : null}
      {run?.state === "running" ? <progress max={1} value={fractionOf(run)} aria-label="Progress" /> : null}
      <span>{!run ? (stopped ? "not run" : "waits") : run.state === "pending" ? "waits" : run.state === "running" ? "" : run.state === "completed" ? "no picture" : run.state === "failed" ? "failed" : "cancelled"}</span>
    </div>
  );
}

/** The picture of a run: a kept one rather than a passing one. */
function imageOf(run: Run | undefined) {
  const images = Object.values(run?.nodes ?? {}).flatMap((node) => node.images ?? []);
  return images.find((image) => image.type === "output") ?? images[0];
}
