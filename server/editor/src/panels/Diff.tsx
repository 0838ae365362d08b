/** The difference of two workflows as a list; the canvas shows it on the nodes. */

import { useEffect, useState } from "react";
import type { Change, DiffKind, NodeDiff } from "../graph/diff";
import { readFile } from "../io/open";
import { compareWith, endComparison, useComparison, useDiff } from "../state/comparison";
import { useEditor } from "../state/editor";
import { readSaved, said, useFiles } from "../state/files";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import { Modal } from "./dialog";
import { useReveal } from "./reveal";
import "./Diff.css";

const SIGNS: Readonly<Record<DiffKind, string>> = { added: "+", removed: "−", changed: "~" };

export function DiffPanel() {
  const { other, tab, swapped, asking } = useComparison();
  const found = useDiff();
  const title = useEditor((state) => state.tabs.find((each) => each.id === tab)?.workflow.title ?? "");
  return (
    <>
      {asking ? <Asking /> : null}
      {found && other ? (
        <aside className="diff" aria-label="Difference">
          <header>
            <h2>
              <small>from</small> {swapped ? title : other.title} <small>to</small> {swapped ? other.title : title}
            </h2>
            <button type="button" className="icon-button" aria-label="Swap the two" title="Swap the two" onClick={() => useComparison.setState({ swapped: !swapped })}>
              <Icon name="swap" />
            </button>
            <button type="button" className="icon-button" aria-label="End the comparison" title="End the comparison" onClick={endComparison}>
              <Icon name="close" />
            </button>
          </header>
          <div className="diff-body">
            {found.nodes.length || found.about.length ? null : <p className="hint">They are the same. Places and colours are not compared.</p>}
            {found.about.length ? <Changes changes={found.about} /> : null}
            <ol>
              {found.nodes.map((entry) => (
                <Entry key={`${entry.kind} ${entry.within} ${entry.id}`} entry={entry} here={swapped ? entry.kind !== "added" : entry.kind !== "removed"} />
              ))}
            </ol>
          </div>
        </aside>
      ) : null}
    </>
  );
}

function Entry({ entry, here }: { entry: NodeDiff; here: boolean }) {
  const reveal = useReveal();
  const jump = () => {
    if (entry.within) useEditor.getState().enter([entry.within]);
    setTimeout(() => reveal(entry.within ? entry.id : entry.id), entry.within ? 150 : 0);
  };
  return (
    <li data-diff={entry.kind}>
      <button type="button" className="entry" disabled={!here} title={here ? "Show it" : "It is in the other one only"} onClick={jump}>
        <b aria-hidden>{SIGNS[entry.kind]}</b>
        <span>{entry.title}</span>
        <small>
          {entry.kind}, {entry.title === entry.classType ? `node ${entry.id}` : `${entry.classType} ${entry.id}`}
        </small>
      </button>
      {entry.changes.length ? <Changes changes={entry.changes} /> : null}
    </li>
  );
}

function Changes({ changes }: { changes: readonly Change[] }) {
  return (
    <dl>
      {changes.map(({ name, before, after }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <del>{before}</del> <ins>{after}</ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** With what to compare: another tab, a saved workflow, a file or a picture. */
function Asking() {
  const { tabs, active } = useEditor.getState();
  const [entries, setEntries] = useState(useFiles.getState().entries);
  useEffect(() => {
    void useFiles.getState().load().then(() => setEntries(useFiles.getState().entries));
  }, []);
  const others = tabs.filter((tab) => tab.id !== active);
  const close = () => useComparison.setState({ asking: false });
  const file = async (chosen: File | undefined) => {
    if (!chosen) return;
    try {
      await compareWith({ title: chosen.name, workflow: await readFile(chosen) });
    } catch (error) {
      useUi.getState().toast(said(error), "error");
    }
  };
  const saved = async (name: string) => {
    try {
      await compareWith({ title: name, workflow: (await readSaved(name)).workflow });
    } catch (error) {
      useUi.getState().toast(said(error), "error");
    }
  };
  return (
    <Modal label="Compare with" className="named-dialog" close={close}>
      <h2>Compare with</h2>
      {others.length ? (
        <ul className="picks" aria-label="Open workflows">
          {others.map((tab) => (
            <li key={tab.id}>
              <button type="button" onClick={() => void compareWith({ title: tab.workflow.title, workflow: tab.workflow })}>{tab.workflow.title}</button>
            </li>
          ))}
        </ul>
      ) : null}
      {entries.length ? (
        <label>
          A saved workflow
          <select value="" onChange={(event) => void saved(event.target.value)}>
            <option value="" disabled>Choose one</option>
            {entries.map((entry) => <option key={entry.name}>{entry.name}</option>)}
          </select>
        </label>
      ) : null}
      <p>
        <label>
          A file, or a picture with a workflow
          <input type="file" accept=".json,image/*" onChange={(event) => void file(event.target.files?.[0])} />
        </label>
      </p>
      <div className="choices">
        <button type="button" onClick={close}>Cancel</button>
      </div>
    </Modal>
  );
}
