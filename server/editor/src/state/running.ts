/** What goes on while the page is open: runs kept over a reload, the line of jobs, new pictures, the page's title. */

import { activeTab, useEditor } from "./editor";
import { useGallery } from "./gallery";
import { useHeat } from "./heat";
import { heatOf, sharesOfMost } from "./profile";
import { onEnded, ownJobs, useQueue, watchQueue } from "./queue";
import { overallOf } from "./headway";
import { catchUp, isOpen, keepRuns, lookBack, useRuns, type Run } from "./runs";
import { CLIENT_ID } from "./client";

let started = false;

export function startRunning(): void {
  if (started) return;
  started = true;
  keepRuns();
  ownJobs((job) => useRuns.getState().runs[job]?.client === CLIENT_ID);
  onEnded((job) => {
    useGallery.getState().add(job);
    const run = useRuns.getState().runs[String(job["id"])];
    if (!run || !isOpen(run)) return;
    useRuns.getState().take(job); // one that was cancelled before it began, for instance
    if (Object.values(useRuns.getState().shown).includes(run.job)) void lookBack(run.job);
  });
  watchQueue(() => {
    const { pictures, workflow, filter } = useGallery.getState();
    if (pictures.length) filter(workflow);
    void catchUp(useRuns.getState().runs);
  });
  useRuns.subscribe((state) => state.connected, (connected) => {
    if (connected) void useQueue.getState().refresh();
  });
  useEditor.subscribe(({ active }) => active, showLatest, { fireImmediately: true });
  useHeat.subscribe(({ on, by, bytes }, before) => (on !== before.on || by !== before.by || bytes !== before.bytes) && warm());
  useRuns.subscribe(({ runs, shown }) => runs[shown[useEditor.getState().active] ?? ""], warm);
  useEditor.subscribe(({ active }) => active, warm);
  showInTitle();
}

/** The heat map follows the run that is shown. */
function warm(): void {
  const { on, by, bytes, set } = useHeat.getState();
  const { runs, shown } = useRuns.getState();
  const nodes = runs[shown[useEditor.getState().active] ?? ""]?.nodes ?? {};
  if (on) set({ values: by === "memory" ? sharesOfMost(bytes) : heatOf(nodes) });
}

/** A tab that shows no run yet shows the latest of its workflow, if this browser knows of one. */
function showLatest(): void {
  const { id, workflow } = activeTab(useEditor.getState());
  const { runs, shown, show } = useRuns.getState();
  if (shown[id] !== undefined && runs[shown[id]]) return;
  const latest = Object.values(runs).filter((run) => run.workflow === workflow.id).sort((a, b) => b.submitted - a.submitted)[0];
  if (latest) show(id, latest.job);
}

/** The page's title says how far the work is, and that it is done until somebody looks. */
function showInTitle(): void {
  const name = document.title;
  let unseen = "";
  const show = () => {
    const overall = overallOf(Object.values(useRuns.getState().runs), Date.now());
    document.title = overall ? `${Math.round(overall.share * 100)} % · ${name}` : unseen ? `${unseen} · ${name}` : name;
  };
  useRuns.subscribe(
    (state) => state.runs,
    (runs, before) => {
      for (const run of Object.values(runs)) {
        const earlier = before[run.job];
        if (earlier && earlier !== run && isOpen(earlier) && !isOpen(run) && !document.hasFocus())
          unseen = run.state === "completed" ? "Done" : run.state === "failed" ? "Failed" : "";
      }
      show();
    },
  );
  window.addEventListener("focus", () => {
    unseen = "";
    show();
  });
}

/** The run that the active tab shows. */
export function useShownRun(): Run | undefined {
  const tab = useEditor((state) => state.active);
  return useRuns((state) => state.runs[state.shown[tab] ?? ""]);
}
