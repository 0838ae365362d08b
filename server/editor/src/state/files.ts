/** Saved workflows on the server: opened, saved, renamed, deleted; and what happens when somebody else saved meanwhile. */

import { create } from "zustand";
import { ApiError, request } from "../api/client";
import { readDocument, writeDocument } from "../graph/document";
import type { Workflow } from "../graph/model";
import { isObject, parseJson, toJson, type Json } from "../json";
import { readAnyForm } from "../io/forms";
import { activeTab, isDirty, useEditor, type Tab } from "./editor";
import { listenToPages, tellSaved } from "./pages";
import { useUi } from "./ui";

export interface FileEntry {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly shipped: boolean;
  readonly inputs: readonly string[];
  readonly etag: string;
  readonly broken: string;
}

/** Somebody saved another version between our reading and our saving. */
export interface Conflict {
  readonly tab: string;
  readonly file: string;
  readonly theirs: Workflow | undefined;
  readonly etag: string;
}

interface FilesState {
  readonly entries: readonly FileEntry[];
  readonly state: "unread" | "ready" | "failed";
  readonly error: string;
  readonly conflict: Conflict | undefined;
  /** The tab for which a name is asked. */
  readonly naming: string | undefined;
  load(): Promise<void>;
}

export const useFiles = create<FilesState>()((set) => ({
  entries: [],
  state: "unread",
  error: "",
  conflict: undefined,
  naming: undefined,
  async load() {
    try {
      const answer = parseJson(await (await request("GET", "v1/workflows")).text());
      const list = isObject(answer) && Array.isArray(answer["workflows"]) ? answer["workflows"] : [];
      set({ entries: list.flatMap(readEntry), state: "ready", error: "" });
    } catch (error) {
      set({ state: "failed", error: said(error) });
    }
  },
}));

function readEntry(raw: Json): FileEntry[] {
  if (!isObject(raw)) return [];
  const text = (key: string) => String(raw[key] ?? "");
  const inputs = Array.isArray(raw["inputs"]) ? raw["inputs"].map(String) : [];
  return [{ name: text("name"), title: text("title"), description: text("description"), shipped: raw["shipped"] === true, inputs, etag: text("etag"), broken: text("broken") }];
}

export function said(error: unknown): string {
  return error instanceof ApiError ? `${error.message} ${error.hint}`.trim() : error instanceof Error ? error.message : String(error);
}

function complain(error: unknown): void {
  useUi.getState().toast(said(error), "error");
}

const address = (name: string) => `v1/workflows/${encodeURIComponent(name)}`;

/** A saved workflow and its version. */
export async function readSaved(name: string): Promise<{ workflow: Workflow; etag: string; text: string }> {
  const response = await request("GET", address(name), { cache: "no-store" });
  const text = await response.text();
  return { workflow: await readAnyForm(parseJson(text), name), etag: response.headers.get("ETag") ?? "", text };
}

/** Open a saved workflow; one that came with Safelight, which cannot be changed, as a copy. */
export async function openSaved(name: string, wantsCopy = false): Promise<boolean> {
  if (useFiles.getState().state !== "ready") await useFiles.getState().load();
  const asCopy = wantsCopy || useFiles.getState().entries.some((entry) => entry.name === name && entry.shipped);
  const { tabs, activate, open } = useEditor.getState();
  if (window.matchMedia("(max-width: 799px)").matches) useUi.getState().set({ left: "" });
  const known = asCopy ? undefined : tabs.find((tab) => tab.file === name);
  if (known) {
    activate(known.id);
    return true;
  }
  try {
    const { workflow, etag } = await readSaved(name);
    if (asCopy) open({ ...workflow, id: crypto.randomUUID() });
    else open(workflow, name, etag);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

async function put(name: string, body: string, headers: Record<string, string>): Promise<string> {
  const response = await request("PUT", address(name), { body, headers: { "Content-Type": "application/json", ...headers } });
  return response.headers.get("ETag") ?? "";
}

function tabOf(id: string | undefined): Tab | undefined {
  const state = useEditor.getState();
  return id === undefined ? activeTab(state) : state.tabs.find((tab) => tab.id === id);
}

/** Save a tab under its name; one without asks for it. */
export async function save(id?: string): Promise<void> {
  const tab = tabOf(id);
  if (!tab) return;
  if (tab.file === undefined) {
    useFiles.setState({ naming: tab.id });
    return;
  }
  await saveOver(tab, tab.file, tab.etag);
}

/** Save over a version of a file; an unknown one (of a session before) is asked for, never overwritten unseen. */
async function saveOver(tab: Tab, file: string, etag: string | undefined): Promise<void> {
  try {
    const now = await put(file, toJson(writeDocument(tab.workflow), 2), etag ? { "If-Match": etag } : { "If-None-Match": "*" });
    saved(tab, file, now);
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) await meet(tab, file);
    else complain(error);
  }
}

function saved(tab: Tab, file: string, etag: string): void {
  useEditor.getState().markSaved(tab.id, tab.workflow, file, etag);
  tellSaved(file, etag);
  useUi.getState().toast(`Saved as ${file}.`);
  void useFiles.getState().load();
}

async function meet(tab: Tab, file: string): Promise<void> {
  try {
    const { workflow, etag } = await readSaved(file);
    useFiles.setState({ conflict: { tab: tab.id, file, theirs: workflow, etag } });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) complain(error);
    else await saveOver(tab, file, undefined); // it was deleted meanwhile: ours is the only one
  }
}

/** The ways out of a conflict. */
export async function settle(way: "mine" | "theirs" | "both"): Promise<void> {
  const { conflict } = useFiles.getState();
  const tab = conflict && tabOf(conflict.tab);
  useFiles.setState({ conflict: undefined });
  if (!conflict || !tab) return;
  const { activate, edit, markSaved, open } = useEditor.getState();
  const { theirs, file, etag } = conflict;
  if (way === "mine") {
    await saveOver(tab, file, etag);
  } else if (theirs && way === "theirs") {
    activate(tab.id);
    edit("Take theirs", () => theirs);
    markSaved(tab.id, theirs, file, etag);
  } else if (theirs) {
    activate(tab.id);
    edit("Keep beside", (workflow) => ({ ...workflow, id: crypto.randomUUID(), title: `${workflow.title} (mine)` }));
    markSaved(tab.id, tab.workflow, undefined);
    open(theirs, file, etag);
  }
}

/** Save under a name; says whether it is done. With `replace`, over one that is there. */
export async function saveAs(id: string, name: string, replace: boolean): Promise<"done" | "exists" | "failed"> {
  const tab = tabOf(id);
  if (!tab) return "failed";
  const titled = { ...tab.workflow, title: name };
  try {
    const etag = await put(name, toJson(writeDocument(titled), 2), replace ? {} : { "If-None-Match": "*" });
    if (tab.workflow.title !== name) {
      useEditor.getState().activate(id);
      useEditor.getState().edit("Save as", (workflow) => ({ ...workflow, title: name }));
    }
    const now = tabOf(id);
    if (now) saved(now, name, etag);
    return "done";
  } catch (error) {
    if (error instanceof ApiError && error.code === "exists") return "exists";
    complain(error);
    return "failed";
  }
}

export async function rename(entry: FileEntry, name: string): Promise<boolean> {
  if (name === entry.name) return true;
  try {
    const { text, etag, workflow } = await readSaved(entry.name);
    const raw = parseJson(text);
    const about = isObject(raw) && isObject(raw["_workflow"]) ? raw["_workflow"] : undefined;
    const body = about && isObject(raw) ? toJson({ ...raw, _workflow: { ...about, title: name } }, 2) : text;
    const now = await put(name, body, { "If-None-Match": "*" });
    await request("DELETE", address(entry.name), { headers: { "If-Match": etag } });
    const { tabs, markSaved } = useEditor.getState();
    for (const tab of tabs)
      if (tab.file === entry.name) {
        const clean = !isDirty(tab);
        const renamed = { ...tab.workflow, title: name };
        useEditor.setState((state) => ({ tabs: state.tabs.map((each) => (each.id === tab.id ? { ...each, workflow: renamed } : each)) }));
        markSaved(tab.id, clean ? renamed : { ...(tab.saved ?? workflow), title: name }, name, now);
      }
    return true;
  } catch (error) {
    complain(error);
    return false;
  } finally {
    void useFiles.getState().load();
  }
}

export async function duplicate(entry: FileEntry): Promise<void> {
  const taken = new Set(useFiles.getState().entries.map((each) => each.name));
  let name = `${entry.name} copy`;
  for (let number = 2; taken.has(name); number++) name = `${entry.name} copy ${number}`;
  try {
    const { workflow } = await readSaved(entry.name);
    await put(name, toJson(writeDocument({ ...workflow, id: crypto.randomUUID(), title: name }), 2), { "If-None-Match": "*" });
  } catch (error) {
    complain(error);
  }
  await useFiles.getState().load();
}

export async function remove(entry: FileEntry): Promise<void> {
  try {
    const { text, etag } = await readSaved(entry.name);
    await request("DELETE", address(entry.name), { headers: { "If-Match": etag } });
    useUi.getState().toast(`Deleted ${entry.name}.`, "info", { label: "Undo", run: () => void bringBack(entry.name, text) });
  } catch (error) {
    complain(error);
  }
  await useFiles.getState().load();
}

async function bringBack(name: string, text: string): Promise<void> {
  try {
    const etag = await put(name, text, { "If-None-Match": "*" });
    const { tabs } = useEditor.getState();
    useEditor.setState({ tabs: tabs.map((tab) => (tab.file === name ? { ...tab, etag } : tab)) });
  } catch (error) {
    complain(error);
  }
  await useFiles.getState().load();
}

/** Close a tab; what was not saved is kept, and offered back. */
export function closeTab(id: string): void {
  const tab = tabOf(id);
  if (!tab) return;
  useEditor.getState().close(id);
  if (isDirty(tab))
    useUi.getState().toast(`Closed ${tab.workflow.title}, which was not saved.`, "info", {
      label: "Reopen",
      run: () => useEditor.getState().reopen(tab),
    });
}

/** Other pages of this browser: the same file open twice is told once, and a version they saved is offered. */
export function watchPages(): void {
  const told = new Set<string>();
  listenToPages({
    here(page) {
      const mine = new Set(useEditor.getState().tabs.flatMap((tab) => tab.file ?? []));
      for (const file of page.files)
        if (mine.has(file) && !told.has(file)) {
          told.add(file);
          useUi.getState().toast(`${file} is open in another page of this browser too. Whoever saves second is asked.`);
        }
    },
    saved(file, etag) {
      void useFiles.getState().load();
      const tab = useEditor.getState().tabs.find((each) => each.file === file && each.etag !== etag);
      if (tab)
        useUi.getState().toast(`${file} was saved in another page of this browser.`, "info", {
          label: "Load it",
          run: () => void takeSaved(tab.id, file),
        });
    },
  });
}

/** A tab's workflow as it is saved now; what was there is one step of undo away. */
async function takeSaved(id: string, file: string): Promise<void> {
  try {
    const { workflow, etag } = await readSaved(file);
    const { activate, edit, markSaved } = useEditor.getState();
    activate(id);
    edit("Load the saved version", () => workflow);
    markSaved(id, workflow, file, etag);
  } catch (error) {
    complain(error);
  }
}

/** The saved version of a tab, to compare with. */
export async function savedVersion(tab: Tab): Promise<Workflow | undefined> {
  if (tab.file === undefined) return undefined;
  return readDocument(writeDocument((await readSaved(tab.file)).workflow));
}
