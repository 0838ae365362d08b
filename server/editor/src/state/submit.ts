/** Running a workflow: handing it to the server, and what happens to its seeds afterwards. */

import { ApiError, call } from "../api/client";
import { writeDocument } from "../graph/document";
import { setValue } from "../graph/ops";
import type { Graph, Workflow } from "../graph/model";
import { isObject, type Json } from "../json";
import { randomSeed, stepped, type NumberWidgetDef } from "../widgets/numbers";
import { defOf } from "../api/nodeDefs";
import { activeTab, useEditor } from "./editor";
import { useRuns } from "./runs";
import { useServer } from "./server";
import { useUi } from "./ui";

/** This page's name towards the server; it outlives a reload, so that a run is caught up with. */
export const CLIENT_ID: string = (() => {
  const known = sessionStorage.getItem("safelight.client");
  if (known) return known;
  const made = crypto.randomUUID().replaceAll("-", "");
  sessionStorage.setItem("safelight.client", made);
  return made;
})();

export interface Wishes {
  readonly front?: boolean;
  readonly outputs?: readonly string[];
  readonly cache?: "use" | "refresh" | "off";
  /** Values by `node.input`, in the place of the workflow's own. */
  readonly inputs?: Readonly<Record<string, Json>>;
  readonly title?: string;
}

/** Submit the active workflow; gives the job's id. */
export async function submit(wishes: Wishes = {}): Promise<string | undefined> {
  const tab = activeTab(useEditor.getState());
  const { workflow } = tab;
  if (!Object.keys(workflow.graph.nodes).length) {
    useUi.getState().toast("There is nothing to run: double-click the canvas to add a node.");
    return undefined;
  }
  const plan = useServer.getState().plan;
  try {
    const answer = await call("POST", "v1/jobs", {
      workflow: writeDocument(workflow),
      client_id: CLIENT_ID,
      ...(wishes.front && { front: true }),
      ...(wishes.outputs?.length && { outputs: wishes.outputs }),
      ...(wishes.cache && { cache: wishes.cache }),
      ...(wishes.inputs && { inputs: wishes.inputs }),
    });
    const job = isObject(answer) ? String(answer["id"]) : "";
    const planned = Object.fromEntries(
      Object.entries(plan?.nodes ?? {}).filter(([, node]) => node.state === "runs").map(([id, node]) => [id, node.seconds ?? 0.5]),
    );
    useRuns.getState().begin({ job, tab: tab.id, title: wishes.title ?? workflow.title, planned });
    afterQueueing();
    return job;
  } catch (error) {
    if (error instanceof ApiError && error.problems.length) {
      useServer.setState({ problems: error.problems });
      const count = error.problems.filter((problem) => problem.severity === "error").length;
      useUi.getState().toast(`${count} ${count === 1 ? "thing is" : "things are"} in the way; the nodes say what.`, "error");
      useUi.getState().set({ bottom: "problems" });
    } else {
      const said = error instanceof ApiError ? `${error.message} ${error.hint}`.trim() : String(error);
      useUi.getState().toast(said, "error");
    }
    return undefined;
  }
}

/** Seeds that are to change after a run do so. It is no step of its own to undo. */
function afterQueueing(): void {
  const { tabs, active } = useEditor.getState();
  const { defs } = useServer.getState();
  useEditor.setState({
    tabs: tabs.map((tab) => (tab.id === active ? { ...tab, workflow: withNextSeeds(tab.workflow) } : tab)),
  });
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

/** Stop the run that the active tab shows, or else the oldest. */
export async function interrupt(): Promise<void> {
  const tab = activeTab(useEditor.getState());
  const { runs, shown } = useRuns.getState();
  const run = runs[shown[tab.id] ?? ""];
  const running = run && (run.state === "running" || run.state === "pending") ? run.job : undefined;
  try {
    if (running) await call("POST", `v1/jobs/${encodeURIComponent(running)}/cancel`);
    else await call("POST", "interrupt", {});
  } catch (error) {
    useUi.getState().toast(error instanceof ApiError ? error.message : String(error), "error");
  }
}
