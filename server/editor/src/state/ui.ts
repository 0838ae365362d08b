/** Panels, theme and the like: what a person arranged, kept in this browser. */

import { create } from "zustand";
import { persist } from "zustand/middleware";

export type LeftPanel = "add" | "files" | "templates" | "";
export type BottomPanel = "queue" | "gallery" | "problems" | "log" | "profile" | "";
export type View = "graph" | "form";

export interface Toast {
  readonly id: number;
  readonly kind: "info" | "error";
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Where a search for nodes was opened, and from which socket. */
export interface Search {
  readonly screen: { readonly x: number; readonly y: number };
  readonly flow: { readonly x: number; readonly y: number };
  readonly from?: {
    readonly node: string;
    readonly type: string;
    readonly direction: "source" | "target";
    readonly handle: string;
  };
  /** The link into which the node is to go. */
  readonly between?: string;
}

interface UiState {
  readonly theme: "dark" | "light" | "system";
  readonly left: LeftPanel;
  readonly bottom: BottomPanel;
  readonly inspector: boolean;
  readonly view: View | "auto";
  readonly minimap: boolean;
  readonly search: Search | undefined;
  readonly dialog: string;
  readonly toasts: readonly Toast[];
  set(change: Partial<Pick<UiState, "theme" | "left" | "bottom" | "inspector" | "view" | "minimap" | "search" | "dialog">>): void;
  toast(text: string, kind?: Toast["kind"], action?: Toast["action"]): void;
  dismiss(id: number): void;
}

let nextToast = 1;

export const useUi = create<UiState>()(
  persist(
    (set) => ({
      theme: "system",
      left: "",
      bottom: "",
      inspector: window.innerWidth >= 1600,
      view: "auto",
      minimap: true,
      search: undefined,
      dialog: "",
      toasts: [],
      set: (change) => set(change),
      toast(text, kind = "info", action) {
        const id = nextToast++;
        set((state) => ({ toasts: [...state.toasts.slice(-3), { id, kind, text, ...(action && { action }) }] }));
        if (kind === "info") setTimeout(() => set((state) => ({ toasts: state.toasts.filter((each) => each.id !== id) })), action ? 12_000 : 5000);
      },
      dismiss: (id) => set((state) => ({ toasts: state.toasts.filter((each) => each.id !== id) })),
    }),
    {
      name: "safelight.ui",
      partialize: ({ theme, left, bottom, inspector, view, minimap }) => ({ theme, left, bottom, inspector, view, minimap }),
    },
  ),
);
