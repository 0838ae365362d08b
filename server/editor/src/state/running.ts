/** What goes on while the page is open: runs kept over a reload, the line of jobs, new pictures, the page's title. */

import { useEditor } from "./editor";
import { useGallery } from "./gallery";
import { onEnded, ownJobs, useQueue, watchQueue } from "./queue";
import { isOpen, keepRuns, overallOf, useRuns, type Run } from "./runs";
import { CLIENT_ID } from "./client";

let started = false;

export function startRunning(): void {
  if (started) return;
  started = true;
  keepRuns();
  ownJobs((job) => useRuns.getState().runs[job]?.client === CLIENT_ID);
  onEnded((job) => useGallery.getState().add(job));
  watchQueue();
  useRuns.subscribe((state) => state.connected, (connected) => {
    if (connected) void useQueue.getState().refresh();
  });
  showInTitle();
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
