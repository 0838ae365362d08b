/**
 * Never losing work: what is open is kept in this browser after every edit, and comes back with the page.
 *
 * Each page has a session of its own, so two of them never overwrite each other. Tabs are kept one by one, with as
 * much of their past as is cheap; those that were closed, and those of pages that are gone, can be had back.
 */

import { readDocument, writeDocument } from "../graph/document";
import type { Workflow } from "../graph/model";
import { parseJson, toJson } from "../json";
import { isDirty, newTab, useEditor, type Tab } from "./editor";
import { announce, askOthers } from "./pages";
import { readAll, readOne, write } from "./storage";
import { useUi } from "./ui";

/** A tab as it is kept. The document is what holds; the past is read only by an editor of the same `model`. */
export interface KeptTab {
  readonly id: string;
  readonly session: string;
  readonly title: string;
  readonly nodes: number;
  readonly at: number;
  readonly open: boolean;
  readonly dirty: boolean;
  readonly document: string;
  readonly file?: string;
  readonly etag?: string;
  readonly model?: number;
  readonly past?: Tab["past"];
  readonly future?: Tab["future"];
  readonly workflow?: Workflow;
  readonly saved?: Workflow;
}

interface KeptSession {
  readonly id: string;
  readonly at: number;
  readonly active: string;
  readonly tabs: readonly string[];
}

/** What a page that goes still has to say: what was open, and what of it is not written yet. */
interface LastWords {
  readonly active: string;
  readonly tabs: readonly string[];
  readonly late: readonly KeptTab[];
}

const MODEL = 1;
const AFTER = 300;
const ID = "safelight.session";
const COPY_OF = "safelight.copy-of";
const LAST_WORDS = "safelight.unwritten.";
/** Nodes, over all steps of a tab's past, that are cheap to write after each edit. */
const CHEAP = 60_000;
const MOST_STEPS = 100;
const MOST_CLOSED = 60;
const LONG = 30 * 24 * 3600 * 1000;

let session = "";
/** Without IndexedDB (some private windows) documents alone go to the smaller storage. */
let small = false;
const kept = new Map<string, Tab>();

/** Opens what this page had open; says whether there was anything. */
export async function restoreSession(): Promise<boolean> {
  const known = sessionStorage.getItem(ID);
  const copied = sessionStorage.getItem(COPY_OF);
  const others = new Set((await askOthers()).map((page) => page.session));
  if (known && copied === null && others.has(known)) await beginAsCopy(known);
  sessionStorage.removeItem(COPY_OF);
  let found = false;
  try {
    const from = copied ?? known ?? (others.size ? undefined : await latest());
    // Where the page that had it is gone, this one goes on with it.
    session = copied !== null || from === undefined ? crypto.randomUUID() : from;
    found = from !== undefined && (await restore(from, from !== session));
  } catch {
    small = true;
    session ||= crypto.randomUUID();
    found = restoreSmall(known ?? session);
    if (known) session = known;
  }
  sessionStorage.setItem(ID, session);
  return found;
}

/** A page that was duplicated has all names of the other one; it starts again with names of its own. */
function beginAsCopy(of: string): Promise<never> {
  sessionStorage.clear();
  sessionStorage.setItem(COPY_OF, of);
  location.reload();
  return new Promise(() => undefined);
}

async function latest(): Promise<string | undefined> {
  const sessions = await readAll<KeptSession>("sessions");
  return sessions.sort((a, b) => b.at - a.at)[0]?.id;
}

async function restore(from: string, asCopy: boolean): Promise<boolean> {
  const record = await readOne<KeptSession>("sessions", from);
  const words = takeLastWords(from, asCopy);
  const { active, tabs: order } = words ?? record ?? { active: "", tabs: [] };
  const found = await Promise.all(order.map((id) => readOne<KeptTab>("tabs", id)));
  const tabs = order.flatMap((id, index) => {
    const before = found[index] && revived(found[index]);
    const late = words?.late.find((each) => each.id === id);
    return before ? caughtUp(before, late) : ((late && revived(late)) ?? []);
  });
  if (!tabs.some((tab) => Object.keys(tab.workflow.graph.nodes).length)) return false;
  const at = Math.max(0, tabs.findIndex((tab) => tab.id === active));
  const opened = asCopy ? tabs.map((tab) => ({ ...tab, id: crypto.randomUUID() })) : tabs;
  useEditor.getState().restore(opened, opened[at]!.id);
  return true;
}

/** A tab with the edits of its last moment, as one more step. */
function caughtUp(tab: Tab, late: KeptTab | undefined): Tab {
  const workflow = late && revived(late)?.workflow;
  return workflow ? { ...tab, workflow, past: [...tab.past, { label: "Edit", workflow: tab.workflow, path: [] }], future: [] } : tab;
}

/** A kept tab as it was; undefined when it cannot be read at all. */
export function revived(record: KeptTab): Tab | undefined {
  const { id, file, etag, workflow, past, future, saved, model } = record;
  const named = { ...(file !== undefined && { file }), ...(etag !== undefined && { etag }) };
  if (model === MODEL && workflow && past && future)
    return { ...newTab(workflow), ...named, id, past, future, ...(saved && { saved }) };
  try {
    const read = readDocument(parseJson(record.document));
    return { ...newTab(read), ...named, id, ...(file !== undefined && !record.dirty && { saved: read }) };
  } catch {
    return undefined;
  }
}

function recordOf(tab: Tab, open: boolean, withPast: boolean): KeptTab {
  const nodes = Object.keys(tab.workflow.graph.nodes).length;
  const steps = Math.min(MOST_STEPS, Math.max(5, Math.floor(CHEAP / (nodes + 1))));
  return {
    id: tab.id,
    session,
    title: tab.workflow.title,
    nodes,
    at: Date.now(),
    open,
    dirty: isDirty(tab),
    document: toJson(writeDocument(tab.workflow)),
    ...(tab.file !== undefined && { file: tab.file }),
    ...(tab.etag !== undefined && { etag: tab.etag }),
    ...(withPast && {
      model: MODEL,
      workflow: tab.workflow,
      past: tab.past.slice(-steps),
      future: tab.future.slice(-steps),
      ...(tab.saved && { saved: tab.saved }),
    }),
  };
}

/** Keeps what is open, from now on. */
export function autosave(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();
  let told = false;

  const keep = async () => {
    const { tabs, active, closed } = useEditor.getState();
    announce({ session, files: tabs.flatMap((tab) => tab.file ?? []) });
    const changed = tabs.filter((tab) => differs(kept.get(tab.id), tab));
    const gone = closed.filter((tab) => kept.has(tab.id));
    const open = new Set(tabs.map((tab) => tab.id));
    const dropped = [...kept.keys()].filter((id) => !open.has(id) && !gone.some((tab) => tab.id === id));
    const record: KeptSession = { id: session, at: Date.now(), active, tabs: tabs.map((tab) => tab.id) };
    try {
      if (small) localStorage.setItem(`${ID}.${session}`, toJson({ ...record, kept: tabs.map((tab) => recordOf(tab, true, false)) }));
      else
        await write({
          put: [
            ["sessions", record],
            ...changed.map((tab) => ["tabs", recordOf(tab, true, true)] as const),
            ...gone.map((tab) => ["tabs", recordOf(tab, false, true)] as const),
          ],
          remove: dropped.map((id) => ["tabs", id] as const),
        });
      for (const tab of changed) kept.set(tab.id, tab);
      for (const id of [...dropped, ...gone.map((tab) => tab.id)]) kept.delete(id);
      localStorage.removeItem(LAST_WORDS + session);
      told = false;
    } catch {
      if (!told)
        useUi.getState().toast("This browser's storage is full: edits are not kept over a reload any more. Save the workflow on the server or as a file.", "error");
      told = true;
    }
  };
  const next = () => {
    timer = undefined;
    writing = writing.then(keep);
  };
  useEditor.subscribe(
    (state) => [state.tabs, state.active] as const,
    () => {
      timer ??= setTimeout(next, AFTER);
    },
    { equalityFn: (a, b) => a[0] === b[0] && a[1] === b[1] },
  );
  next();
  // A page that goes has no time to wait for IndexedDB: what is not written yet goes to the storage that is at once.
  window.addEventListener("pagehide", () => {
    if (timer === undefined) return;
    const { tabs, active } = useEditor.getState();
    const late = tabs.filter((tab) => differs(kept.get(tab.id), tab));
    const words: LastWords = { active, tabs: tabs.map((tab) => tab.id), late: late.map((tab) => recordOf(tab, true, false)) };
    try {
      localStorage.setItem(LAST_WORDS + session, toJson(words));
    } catch {
      // It is larger than that storage; the write below mostly still gets through.
    }
    next();
  });
  void prune();
}

function differs(before: Tab | undefined, now: Tab): boolean {
  return (
    !before || before.workflow !== now.workflow || before.past !== now.past || before.saved !== now.saved || before.file !== now.file || before.etag !== now.etag
  );
}

function takeLastWords(from: string, leave: boolean): LastWords | undefined {
  const text = localStorage.getItem(LAST_WORDS + from);
  if (!text) return undefined;
  if (!leave) localStorage.removeItem(LAST_WORDS + from);
  try {
    return JSON.parse(text) as LastWords;
  } catch {
    return undefined;
  }
}

function restoreSmall(from: string): boolean {
  const text = localStorage.getItem(`${ID}.${from}`);
  if (!text) return false;
  const read = JSON.parse(text) as KeptSession & { readonly kept: readonly KeptTab[] };
  const tabs = read.kept.flatMap((each) => revived(each) ?? []);
  if (!tabs.length) return false;
  useEditor.getState().restore(tabs, tabs.some((tab) => tab.id === read.active) ? read.active : tabs[0]!.id);
  return true;
}

/** What is kept and open nowhere: closed tabs, and tabs of pages that are gone; the latest first. */
export async function recoverable(): Promise<KeptTab[]> {
  try {
    const others = new Set((await askOthers()).map((page) => page.session));
    const here = new Set(useEditor.getState().tabs.map((tab) => tab.id));
    const all = await readAll<KeptTab>("tabs");
    return all
      .filter((tab) => !here.has(tab.id) && tab.nodes > 0 && (tab.dirty || !tab.open) && !(tab.open && (others.has(tab.session) || tab.session === session)))
      .sort((a, b) => b.at - a.at);
  } catch {
    return [];
  }
}

export async function forget(id: string): Promise<void> {
  await write({ remove: [["tabs", id]] });
}

/** Of what was closed, the latest are kept; of what came of pages that are gone, what was not saved. */
async function prune(): Promise<void> {
  try {
    const before = Date.now() - LONG;
    const old = (await recoverable()).slice(MOST_CLOSED);
    const all = await readAll<KeptTab>("tabs");
    const stale = all.filter((tab) => tab.at < before && !tab.dirty && tab.session !== session);
    const sessions = (await readAll<KeptSession>("sessions")).filter((each) => each.at < before && each.id !== session);
    await write({
      remove: [
        ...[...old, ...stale].map((tab) => ["tabs", tab.id] as const),
        ...sessions.map((each) => ["sessions", each.id] as const),
      ],
    });
  } catch {
    // The next start tries again.
  }
}
