/** A job's workflow in a tab of its own, with what came of it on its nodes. */

import { ApiError, call } from "../api/client";
import { readAnyForm } from "../io/open";
import { isObject } from "../json";
import { activeTab, useEditor } from "./editor";
import { readTimeline } from "./profile";
import { isOpen, listenTo, useRuns } from "./runs";
import { useUi } from "./ui";

export async function openJob(job: string): Promise<void> {
  const path = `v1/jobs/${encodeURIComponent(job)}`;
  try {
    const [document, details] = await Promise.all([call("GET", `${path}/workflow?form=document`), call("GET", path)]);
    const workflow = await readAnyForm(document, "Workflow of a job");
    useEditor.getState().open(workflow);
    const tab = activeTab(useEditor.getState()).id;
    const { runs, begin, take, show } = useRuns.getState();
    if (!isObject(details)) return;
    if (!runs[job]) {
      begin({ job, tab, title: workflow.title, workflow: workflow.id, client: String(details["client_id"] ?? ""), planned: {} });
      const ended = details["state"] === "completed" || details["state"] === "failed";
      take(details, ended ? readTimeline(await call("GET", `${path}/timeline`)) : undefined);
    }
    show(tab, job);
    const run = useRuns.getState().runs[job];
    if (run && isOpen(run)) listenTo(run);
  } catch (error) {
    useUi.getState().toast(error instanceof ApiError || error instanceof Error ? error.message : String(error), "error");
  }
}
