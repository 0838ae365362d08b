/** The heat map: how much of a run's time each node took, tinted on the canvas. */

import { create } from "zustand";
import { useTab } from "./editor";
import { prefixOf } from "./runs";

interface HeatState {
  readonly on: boolean;
  /** By node id, 0 to 1. */
  readonly values: Readonly<Record<string, number>>;
  set(change: Partial<Pick<HeatState, "on" | "values">>): void;
}

export const useHeat = create<HeatState>()((set) => ({ on: false, values: {}, set: (change) => set(change) }));

/** A node's heat while the map is shown. */
export function useNodeHeat(node: string): number | undefined {
  const prefix = useTab(prefixOf);
  return useHeat((state) => (state.on ? (state.values[prefix + node] ?? 0) : undefined));
}
