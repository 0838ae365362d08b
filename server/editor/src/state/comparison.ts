/** What the active workflow is compared with, and the difference. */

import { create } from "zustand";
import { useMemo } from "react";
import { diff, type Diff, type DiffKind } from "../graph/diff";
import type { Workflow } from "../graph/model";
import { activeTab, useEditor, useTab } from "./editor";
import { readSaved, said } from "./files";
import { useUi } from "./ui";

export interface Other {
  readonly title: string;
  readonly workflow: Workflow;
}

interface ComparisonState {
  readonly other: Other | undefined;
  /** The tab that is compared; on others nothing is painted. */
  readonly tab: string;
  /** Shown the other way round: the active workflow is the earlier one. */
  readonly swapped: boolean;
  /** Asks with what to compare. */
  readonly asking: boolean;
}

export const useComparison = create<ComparisonState>()(() => ({ other: undefined, tab: "", swapped: false, asking: false }));

export function openComparison(): void {
  useComparison.setState({ asking: true });
}

export function endComparison(): void {
  useComparison.setState({ other: undefined, asking: false });
}

/** Compare the active tab with its saved version, or with a workflow. */
export async function compareWith(what: "saved" | Other): Promise<void> {
  const tab = activeTab(useEditor.getState());
  try {
    const other = what === "saved" ? await savedOf(tab.file) : what;
    if (other) useComparison.setState({ other, tab: tab.id, swapped: false, asking: false });
    else useUi.getState().toast("This workflow was not saved yet.");
  } catch (error) {
    useUi.getState().toast(said(error), "error");
  }
}

async function savedOf(file: string | undefined): Promise<Other | undefined> {
  return file === undefined ? undefined : { title: `${file}, as saved`, workflow: (await readSaved(file)).workflow };
}

/** The difference of the active tab to what it is compared with; undefined when it is not. */
export function useDiff(): Diff | undefined {
  const { other, tab, swapped } = useComparison();
  const active = useTab((each) => each.id);
  const workflow = useTab((each) => (other && each.id === tab ? each.workflow : undefined));
  return useMemo(() => {
    if (!other || !workflow || active !== tab) return undefined;
    return swapped ? diff(workflow, other.workflow) : diff(other.workflow, workflow);
  }, [other, workflow, active, tab, swapped]);
}

let last: { readonly key: readonly unknown[]; readonly marks: ReadonlyMap<string, DiffKind> } | undefined;

/** How a node of the graph that is looked at differs: for painting. One difference serves all nodes. */
export function useDiffMark(node: string): DiffKind | undefined {
  const { other, tab, swapped } = useComparison();
  return useTab((each) => {
    if (!other || each.id !== tab) return undefined;
    const within = each.path.at(-1) ?? "";
    const key = [other, swapped, each.workflow.graph, each.workflow.subgraphs, within];
    if (!last || key.some((part, index) => part !== last!.key[index])) {
      const { nodes } = swapped ? diff(each.workflow, other.workflow) : diff(other.workflow, each.workflow);
      last = { key, marks: new Map(nodes.filter((entry) => entry.within === within).map((entry) => [entry.id, entry.kind])) };
    }
    return last.marks.get(node);
  });
}
