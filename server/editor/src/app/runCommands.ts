/** Commands of running: panels, the queue, sweeps. */

import { askForSweep } from "../panels/Sweep";
import { useHeat } from "../state/heat";
import { useQueue } from "../state/queue";
import { stopAll } from "../state/submit";
import { useUi, type BottomPanel } from "../state/ui";
import type { Command } from "./commands";

let latest: Exclude<BottomPanel, ""> = "queue";

function toggle(panel?: Exclude<BottomPanel, "">): void {
  const { bottom, set } = useUi.getState();
  if (bottom) latest = bottom;
  const next = panel ?? latest;
  set({ bottom: bottom && (panel === undefined || bottom === panel) ? "" : next });
}

export const RUN_COMMANDS: readonly Command[] = [
  { id: "drawer", title: "Show or hide the lower panel", keys: ["mod+j"], whileTyping: true, run: () => toggle() },
  { id: "queue", title: "Show the queue", keys: ["q"], run: () => toggle("queue") },
  { id: "gallery", title: "Show the gallery", keys: ["shift+g"], run: () => toggle("gallery") },
  { id: "problems", title: "Show problems", run: () => toggle("problems") },
  { id: "log", title: "Show the server's log", run: () => toggle("log") },
  { id: "profile", title: "Show the profile", run: () => toggle("profile") },
  { id: "heat", title: "Heat map on or off", run: () => useHeat.getState().set({ on: !useHeat.getState().on }) },
  { id: "sweep", title: "Sweep a value…", run: askForSweep },
  { id: "stop-all", title: "Stop all runs of this page", run: () => void stopAll() },
  { id: "pause", title: "Pause or resume the queue", run: () => void useQueue.getState().pause(!useQueue.getState().paused) },
];
