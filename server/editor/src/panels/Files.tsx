/** Saved workflows, files of this computer, and what was not saved but is kept. */

import { useEffect, useState, type ReactNode } from "react";
import { emptyWorkflow } from "../graph/model";
import { exportAs } from "../io/export";
import { chooseFiles } from "../io/open";
import { compareWith, openComparison } from "../state/comparison";
import { useEditor, useTab } from "../state/editor";
import { duplicate, openSaved, readSaved, remove, rename, save, useFiles, type FileEntry } from "../state/files";
import { forget, recoverable, revived, type KeptTab } from "../state/session";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import { Menu } from "./Menu";
import "./Files.css";

const MANY = 8;

export function Files() {
  const { entries, state, error } = useFiles();
  const [query, setQuery] = useState("");
  const file = useTab((tab) => tab.file);
  useEffect(() => void useFiles.getState().load(), []);
  const mine = entries.filter((entry) => !entry.shipped);
  const wanted = query.toLowerCase();
  const shown = mine.filter((entry) => `${entry.name} ${entry.title}`.toLowerCase().includes(wanted));
  return (
    <div className="left-body">
      <div className="file-actions">
        <button type="button" onClick={() => useEditor.getState().open(emptyWorkflow())}>New</button>
        <button type="button" onClick={chooseFiles}>Open…</button>
        <button type="button" onClick={() => void save()}>Save</button>
        <SaveMenu />
      </div>
      <h3>On the server</h3>
      {mine.length > MANY ? (
        <input type="search" className="find" aria-label="Search saved workflows" placeholder="Search" value={query} onChange={(event) => setQuery(event.target.value)} />
      ) : null}
      {state === "failed" ? <p className="hint" role="alert">{error}</p> : null}
      {state === "ready" && !mine.length ? <p className="hint">Nothing is saved yet. Save keeps a workflow here, for every browser and for scripts.</p> : null}
      <ul className="rows">
        {shown.map((entry) => (
          <Entry key={entry.name} entry={entry} current={entry.name === file} />
        ))}
      </ul>
      <Recovery />
    </div>
  );
}

function SaveMenu() {
  const id = useTab((tab) => tab.id);
  const file = useTab((tab) => tab.file);
  return (
    <Menu
      label="More ways to save, export and compare"
      className="icon-only"
      actions={[
        { label: "Save as…", run: () => useFiles.setState({ naming: id }) },
        { label: "Download", run: () => void exportAs("document") },
        { label: "Picture with the workflow", run: () => void exportAs("png") },
        { label: "Python script", run: () => void exportAs("script") },
        { label: "For ComfyUI's editor", run: () => void exportAs("editor") },
        { label: "For ComfyUI's API", run: () => void exportAs("api") },
        { label: "Compare with the saved version", run: () => void compareWith("saved"), disabled: file === undefined },
        { label: "Compare with…", run: openComparison },
      ]}
    >
      <Icon name="more" />
    </Menu>
  );
}

function Entry({ entry, current }: { entry: FileEntry; current: boolean }) {
  const [renaming, setRenaming] = useState(false);
  if (renaming) return <Rename entry={entry} done={() => setRenaming(false)} />;
  const form = new URL(`?workflow=${encodeURIComponent(entry.name)}&view=form`, document.baseURI).toString();
  return (
    <li className="row" data-current={current || undefined}>
      <button type="button" className="main" aria-current={current || undefined} title={entry.broken || entry.description || entry.name} onClick={() => void openSaved(entry.name)}>
        <span>{entry.name}</span>
        {entry.broken ? <small className="bad">cannot be read</small> : entry.title && entry.title !== entry.name ? <small>{entry.title}</small> : null}
      </button>
      <Menu
        label={`More for ${entry.name}`}
        actions={[
          { label: "Open a copy", run: () => void openSaved(entry.name, true) },
          { label: "Rename", run: () => setRenaming(true) },
          { label: "Duplicate", run: () => void duplicate(entry) },
          { label: "Copy link to its form", run: () => void copyLink(form) },
          { label: "Compare with the open one", run: () => void compareFile(entry.name) },
          { label: "Delete", run: () => void remove(entry) },
        ]}
      >
        <Icon name="more" />
      </Menu>
    </li>
  );
}

async function compareFile(name: string): Promise<void> {
  const { workflow } = await readSaved(name);
  await compareWith({ title: name, workflow });
}

/** Where the page is not served over TLS browsers give no clipboard: then the link is shown. */
export async function copyLink(link: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(link);
    useUi.getState().toast("The link is copied.");
  } catch {
    window.prompt("The link:", link);
  }
}

function Rename({ entry, done }: { entry: FileEntry; done: () => void }) {
  const [name, setName] = useState(entry.name);
  const finish = () => {
    done();
    if (name.trim() && name.trim() !== entry.name) void rename(entry, name.trim());
  };
  return (
    <li className="row">
      <input
        className="find"
        autoFocus
        aria-label={`New name of ${entry.name}`}
        value={name}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setName(event.target.value)}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === "Enter") finish();
          if (event.key === "Escape") done();
        }}
      />
    </li>
  );
}

/** What is open nowhere, and was not saved or was closed. */
function Recovery() {
  const [found, setFound] = useState<readonly KeptTab[]>([]);
  const tabs = useEditor((state) => state.tabs.length);
  useEffect(() => {
    let current = true;
    const timer = setTimeout(() => void recoverable().then((list) => current && setFound(list)), 500);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [tabs]);
  if (!found.length) return null;
  const open = (record: KeptTab) => {
    const tab = revived(record);
    if (tab) useEditor.getState().reopen(tab);
    else useUi.getState().toast(`${record.title} cannot be read any more.`, "error");
    setFound((list) => list.filter((each) => each.id !== record.id));
  };
  return (
    <>
      <h3>Kept in this browser</h3>
      <ul className="rows">
        {found.map((record) => (
          <li key={record.id} className="row">
            <button type="button" className="main" onClick={() => open(record)}>
              <span>{record.title}</span>
              <small>
                {ago(record.at)}
                {record.dirty ? ", not saved" : ""}
              </small>
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label={`Forget ${record.title}`}
              onClick={() => void forget(record.id).then(() => setFound((list) => list.filter((each) => each.id !== record.id)))}
            >
              <Icon name="bin" />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function ago(at: number): ReactNode {
  const minutes = Math.round((Date.now() - at) / 60_000);
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (minutes < 60) return minutes < 1 ? "just now" : words.format(-minutes, "minute");
  return minutes < 1440 ? words.format(-Math.round(minutes / 60), "hour") : words.format(-Math.round(minutes / 1440), "day");
}

