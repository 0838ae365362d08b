/** Running a workflow: handing it to the server, and what happens to its seeds afterwards. */

import { ApiError, call } from "../api/client";
import { writeDocument } from "../graph/document";
import { setValue } from "../graph/ops";
import { linkId, type Graph, type Workflow } from "../graph/model";
import { isObject, type Json } from "../json";
import { randomSeed, stepped, type NumberWidgetDef } from "../widgets/numbers";
import { defOf } from "../api/nodeDefs";
import { CLIENT_ID } from "./client";
import { activeTab, useEditor, type Tab } from "./editor";
import { isOpen, useRuns } from "./runs";
import { readPlan, useServer, type Plan } from "./server";
import { useUi } from "./ui";

export { CLIENT_ID };

export interface Wishes {
  readonly front?: boolean;
  readonly outputs?: readonly string[];
  readonly cache?: "use" | "refresh" | "off";
  /** Values by `node.input`, in the place of the workflow's own. */
  readonly inputs?: Readonly<Record<string, Json>>;
  readonly title?: string;
  /** Seconds by node, where they are known without asking for the plan. */
  readonly planned?: Readonly<Record<string, number>>;
}

/** Submit the active workflow; gives the job's id. */
export async function submit(wishes: Wishes = {}): Promise<string | undefined> {
  return submitTab(activeTab(useEditor.getState()), wishes);
}

/** Submit it several times. Where no seed changes by itself, all but the first run get seeds of their own. */
export async function submitMany(count: number): Promise<void> {
  const tab = activeTab(useEditor.getState());
  const own = changingSeeds(tab.workflow);
  for (let index = 0; index < count; index++) {
    const now = useEditor.getState().tabs.find((each) => each.id === tab.id) ?? tab;
    const job = await submitTab(now, index === 0 || own ? {} : { inputs: freshSeeds(now.workflow) });
    if (job === undefined) return;
  }
}

async function submitTab(tab: Tab, wishes: Wishes): Promise<string | undefined> {
  const { workflow } = tab;
  if (!Object.keys(workflow.graph.nodes).length) {
    useUi.getState().toast("There is nothing to run: double-click the canvas to add a node.");
    return undefined;
  }
  const body = {
    workflow: writeDocument(workflow),
    ...(wishes.outputs?.length && { outputs: wishes.outputs }),
    ...(wishes.cache && { cache: wishes.cache }),
    ...(wishes.inputs && { inputs: wishes.inputs }),
  };
  const usual = Object.keys(body).length === 1 && tab.id === useEditor.getState().active;
  try {
    const [plan, answer] = await Promise.all([
      usual || wishes.planned ? useServer.getState().plan : planOf(body),
      call("POST", "v1/jobs", { ...body, client_id: CLIENT_ID, ...(wishes.front && { front: true }) }),
    ]);
    const job = isObject(answer) ? String(answer["id"]) : "";
    useRuns.getState().begin({ job, tab: tab.id, workflow: workflow.id, client: CLIENT_ID, title: wishes.title ?? workflow.title, planned: wishes.planned ?? plannedOf(plan) });
    if (!wishes.inputs) afterQueueing(tab.id);
    return job;
  } catch (error) {
    complain(error);
    return undefined;
  }
}

function complain(error: unknown): void {
  const ui = useUi.getState();
  if (error instanceof ApiError && error.problems.length) {
    useServer.setState({ problems: error.problems });
    const count = error.problems.filter((problem) => problem.severity === "error").length;
    ui.toast(`${count} ${count === 1 ? "thing is" : "things are"} in the way; the nodes say what.`, "error");
    ui.set({ bottom: "problems" });
  } else ui.toast(error instanceof ApiError ? `${error.message} ${error.hint}`.trim() : String(error), "error");
}

/** What running would do, with wishes; nothing when that cannot be said. */
export async function planOf(body: { readonly workflow: Json; readonly [wish: string]: unknown }): Promise<Plan | undefined> {
  try {
    return readPlan(await call("POST", "v1/plan", body));
  } catch {
    return undefined;
  }
}

/** Seconds of a node that was never timed. */
const GUESS = 0.5;

function plannedOf(plan: Plan | undefined): Record<string, number> {
  return Object.fromEntries(
    Object.entries(plan?.nodes ?? {}).flatMap(([id, node]) => (node.state === "runs" ? [[id, node.seconds ?? GUESS]] : [])),
  );
}

/** Seeds of the workflow that are widgets and not linked: node, input, widget. */
function seedsOf(workflow: Workflow): { node: string; input: string; widget: NumberWidgetDef }[] {
  const { defs } = useServer.getState();
  return Object.values(workflow.graph.nodes).flatMap((node) =>
    (defOf(node, defs, workflow)?.inputs ?? []).flatMap(({ name, widget }) =>
      widget?.kind === "int" && widget.seed && !(linkId(node.id, name) in workflow.graph.links) ? [{ node: node.id, input: name, widget }] : [],
    ),
  );
}

function changingSeeds(workflow: Workflow): boolean {
  return Object.values(workflow.graph.nodes).some((node) => Object.values(node.control ?? {}).some((control) => control !== "fixed"));
}

function freshSeeds(workflow: Workflow): Record<string, Json> {
  return Object.fromEntries(seedsOf(workflow).map(({ node, input, widget }) => [`${node}.${input}`, randomSeed(widget)]));
}

/** Seeds that are to change after a run do so. It is no step of its own to undo. */
function afterQueueing(id: string): void {
  const { tabs } = useEditor.getState();
  const { defs } = useServer.getState();
  const after = tabs.map((tab) => {
    if (tab.id !== id) return tab;
    const workflow = withNextSeeds(tab.workflow);
    return workflow === tab.workflow ? tab : { ...tab, workflow };
  });
  if (after.some((tab, index) => tab !== tabs[index])) useEditor.setState({ tabs: after });

  function withNextSeeds(workflow: Workflow): Workflow {
    let graph: Graph = workflow.graph;
    for (const node of Object.values(graph.nodes))
      for (const [input, control] of Object.entries(node.control ?? {})) {
        const widget = defOf(node, defs, workflow)?.inputs.find((each) => each.name === input)?.widget;
        if (control === "fixed" || widget?.kind !== "int") continue;
        graph = setValue(graph, node.id, input, next(node.values[input], control, widget));
      }
    return graph === workflow.graph ? workflow : { ...workflow, graph };
  }
}

function next(value: Json | undefined, control: string, widget: NumberWidgetDef): Json {
  const current = typeof value === "number" || typeof value === "bigint" ? value : 0;
  if (control === "randomize") return randomSeed(widget);
  return stepped(current, control === "increment" ? 1 : -1, widget);
}

/** Stop the run that the active tab shows, or else what this page has under way, or else the oldest of all. */
export async function interrupt(): Promise<void> {
  const tab = activeTab(useEditor.getState());
  const { runs, shown } = useRuns.getState();
  const open = Object.values(runs).filter(isOpen);
  const mine = [runs[shown[tab.id] ?? ""], ...open.filter((run) => run.tab === tab.id), ...open].find((run) => run && isOpen(run));
  try {
    if (mine) await call("POST", `v1/jobs/${encodeURIComponent(mine.job)}/cancel`);
    else await call("POST", "interrupt", {});
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "already_ended"))
      useUi.getState().toast(error instanceof ApiError ? error.message : String(error), "error");
  }
}

/** Stop everything that this page has under way: what waits first, so that nothing begins meanwhile. */
export async function stopAll(jobs?: readonly string[]): Promise<void> {
  const open = Object.values(useRuns.getState().runs).filter((run) => isOpen(run) && (!jobs || jobs.includes(run.job)));
  open.sort((a, b) => Number(a.state === "running") - Number(b.state === "running"));
  await Promise.allSettled(open.map((run) => call("POST", `v1/jobs/${encodeURIComponent(run.job)}/cancel`)));
}
