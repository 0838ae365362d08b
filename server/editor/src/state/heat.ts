/** The heat map: how much of a run's time, or memory, each node took, tinted on the canvas. */

import { create } from "zustand";
import { useTab } from "./editor";
import { prefixOf } from "./runs";

interface HeatState {
  readonly on: boolean;
  readonly by: "time" | "memory";
  /** What each node's values take, by the profile that was last looked at. */
  readonly bytes: Readonly<Record<string, number>>;
  /** By node id, 0 to 1. */
  readonly values: Readonly<Record<string, number>>;
  set(change: Partial<Pick<HeatState, "on" | "by" | "bytes" | "values">>): void;
}

export const useHeat = create<HeatState>()((set) => ({ on: false, by: "time", bytes: {}, values: {}, set: (change) => set(change) }));

/** A node's heat while the map is shown. */
export function useNodeHeat(node: string): number | undefined {
  const prefix = useTab(prefixOf);
  return useHeat((state) => (state.on ? (state.values[prefix + node] ?? 0) : undefined));
}
