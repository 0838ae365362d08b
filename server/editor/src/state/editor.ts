/**
 * The workflows that are open, and their pasts.
 *
 * A workflow is a value, so undo is a list of earlier ones. Each gesture is one step: edits that carry the same
 * `merge` key within a moment (typing, dragging a number) become one.
 */

import { create } from "zustand";
import { subscribeWithSelector } from "zustand/middleware";
import { dropLostNames } from "../graph/ops";
import { emptyWorkflow, graphAt, withGraphAt, type Graph, type Workflow } from "../graph/model";

const MOST_STEPS = 200;
const MOST_CLOSED = 20;
const MOMENT = 1000;

interface Step {
  readonly label: string;
  readonly workflow: Workflow;
  readonly path: readonly string[];
}

export interface Tab {
  readonly id: string;
  readonly workflow: Workflow;
  readonly past: readonly Step[];
  readonly future: readonly Step[];
  /** The sub-graphs that were opened on the way to what is looked at. */
  readonly path: readonly string[];
  readonly selection: ReadonlySet<string>;
  /** The name under which the server keeps it, and what it keeps. */
  readonly file?: string;
  readonly saved?: Workflow;
  /** The version of the file that `saved` is. */
  readonly etag?: string;
}

/** What a tab was when it was opened without a file: nothing to lose until it is edited. */
export function isDirty(tab: Tab): boolean {
  if (!tab.saved) return tab.file !== undefined || tab.past.length > 0;
  return !sameContent(tab.workflow, tab.saved);
}

/** Whether two workflows are one but for where somebody looks. Edits share what stayed, so this compares objects. */
export function sameContent(a: Workflow, b: Workflow): boolean {
  const keys = ["graph", "subgraphs", "title", "description", "inputs", "outputs", "rest", "id"] as const;
  return a === b || keys.every((key) => a[key] === b[key]);
}

interface EditorState {
  readonly tabs: readonly Tab[];
  readonly active: string;
  /** Tabs that were closed, the last one last. */
  readonly closed: readonly Tab[];
  edit(label: string, change: (workflow: Workflow) => Workflow, merge?: string): void;
  editGraph(label: string, change: (graph: Graph) => Graph, merge?: string): void;
  undo(): void;
  redo(): void;
  select(ids: Iterable<string>): void;
  enter(path: readonly string[]): void;
  open(workflow: Workflow, file?: string, etag?: string): void;
  close(tab: string): void;
  /** Bring back the tab that was closed last, or this one. */
  reopen(tab?: Tab): void;
  activate(tab: string): void;
  move(tab: string, to: number): void;
  /** The server keeps this version of the tab's workflow now; without a file it keeps none. */
  markSaved(tab: string, workflow: Workflow, file: string | undefined, etag?: string): void;
  restore(tabs: readonly Tab[], active: string): void;
}

let lastMerge = "";
let lastEdit = 0;

export function newTab(workflow: Workflow, file?: string): Tab {
  return {
    id: crypto.randomUUID(),
    workflow,
    past: [],
    future: [],
    path: [],
    selection: new Set(),
    ...(file !== undefined && { file, saved: workflow }),
  };
}

const first = newTab(emptyWorkflow());

export const useEditor = create<EditorState>()(
  subscribeWithSelector((set, get) => {
    const change = (fn: (tab: Tab) => Tab) =>
      set((state) => ({ tabs: state.tabs.map((tab) => (tab.id === state.active ? fn(tab) : tab)) }));
    return {
      tabs: [first],
      active: first.id,
      closed: [],
      edit(label, edit, merge = "") {
        const tab = activeTab(get());
        const workflow = dropLostNames(edit(tab.workflow));
        if (workflow === tab.workflow) return;
        const now = Date.now();
        const merged = merge !== "" && merge === lastMerge && now - lastEdit < MOMENT && tab.past.length > 0;
        lastMerge = merge;
        lastEdit = now;
        const step = { label, workflow: tab.workflow, path: tab.path };
        change((each) => ({
          ...each,
          workflow,
          past: merged ? each.past : [...each.past.slice(1 - MOST_STEPS), step],
          future: [],
        }));
      },
      editGraph(label, edit, merge) {
        const { path } = activeTab(get());
        get().edit(label, (workflow) => withGraphAt(workflow, path, edit(graphAt(workflow, path))), merge);
      },
      undo: () => change((tab) => travel(tab, "past", "future")),
      redo: () => change((tab) => travel(tab, "future", "past")),
      select(ids) {
        const selection = new Set(ids);
        const before = activeTab(get()).selection;
        if (selection.size === before.size && [...selection].every((id) => before.has(id))) return;
        change((tab) => ({ ...tab, selection }));
      },
      enter: (path) => change((tab) => ({ ...tab, path, selection: new Set() })),
      open(workflow, file, etag) {
        const tab = { ...newTab(workflow, file), ...(etag !== undefined && { etag }) };
        set((state) => ({ tabs: [...state.tabs.filter((each) => !untouched(each)), tab], active: tab.id }));
      },
      close(id) {
        set((state) => {
          const index = state.tabs.findIndex((tab) => tab.id === id);
          const left = state.tabs.filter((tab) => tab.id !== id);
          const tabs = left.length ? left : [newTab(emptyWorkflow())];
          const active = state.active === id ? tabs[Math.min(Math.max(index, 0), tabs.length - 1)]!.id : state.active;
          const gone = state.tabs[index];
          return { tabs, active, closed: gone && !untouched(gone) ? [...state.closed.slice(1 - MOST_CLOSED), gone] : state.closed };
        });
      },
      reopen(chosen) {
        set((state) => {
          const tab = chosen ?? state.closed.at(-1);
          if (!tab) return {};
          const closed = state.closed.filter((each) => each.id !== tab.id);
          if (state.tabs.some((each) => each.id === tab.id)) return { closed, active: tab.id };
          return { closed, active: tab.id, tabs: [...state.tabs.filter((each) => !untouched(each)), tab] };
        });
      },
      move(id, to) {
        set((state) => {
          const tab = state.tabs.find((each) => each.id === id);
          const others = state.tabs.filter((each) => each.id !== id);
          return tab ? { tabs: [...others.slice(0, to), tab, ...others.slice(to)] } : {};
        });
      },
      activate: (active) => set({ active }),
      markSaved(id, workflow, file, etag) {
        set((state) => ({
          tabs: state.tabs.map((tab) => {
            if (tab.id !== id) return tab;
            const { file: _file, saved: _saved, etag: _etag, ...rest } = tab;
            return { ...rest, ...(file !== undefined && { file, saved: workflow }), ...(etag !== undefined && { etag }) };
          }),
        }));
      },
      restore: (tabs, active) => set({ tabs, active }),
    };
  }),
);

function travel(tab: Tab, from: "past" | "future", to: "past" | "future"): Tab {
  const step = tab[from].at(-1);
  if (!step) return tab;
  lastMerge = "";
  const here = { label: step.label, workflow: tab.workflow, path: tab.path };
  const ids = graphAt(step.workflow, step.path).nodes;
  return {
    ...tab,
    workflow: step.workflow,
    path: step.path,
    selection: new Set([...tab.selection].filter((id) => id in ids)),
    [from]: tab[from].slice(0, -1),
    [to]: [...tab[to], here],
  };
}

function untouched(tab: Tab): boolean {
  return !tab.past.length && !tab.future.length && !Object.keys(tab.workflow.graph.nodes).length;
}

export function activeTab(state: { tabs: readonly Tab[]; active: string }): Tab {
  return state.tabs.find((tab) => tab.id === state.active) ?? state.tabs[0]!;
}

/** What is looked at: the graph at the end of the active tab's path. */
export function activeGraph(state: { tabs: readonly Tab[]; active: string }): Graph {
  const tab = activeTab(state);
  return graphAt(tab.workflow, tab.path);
}

export const useTab = <T>(choose: (tab: Tab) => T): T => useEditor((state) => choose(activeTab(state)));
export const useGraph = <T>(choose: (graph: Graph) => T): T => useEditor((state) => choose(activeGraph(state)));
