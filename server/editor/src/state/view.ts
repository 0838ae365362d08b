/** Graph or form: what was chosen, else the form where there is little room, or where the address asks for it. */

import { useSyncExternalStore } from "react";
import { useUi, type View } from "./ui";

const NARROW = "(max-width: 799px)";
let asked = new URLSearchParams(location.search).get("view") as View | null;

function subscribe(changed: () => void): () => void {
  const media = window.matchMedia(NARROW);
  media.addEventListener("change", changed);
  return () => media.removeEventListener("change", changed);
}

export function useView(): View {
  const chosen = useUi((state) => state.view);
  const narrow = useSyncExternalStore(subscribe, () => window.matchMedia(NARROW).matches);
  if (asked === "form" || asked === "graph") return asked;
  return chosen === "auto" ? (narrow ? "form" : "graph") : chosen;
}

export function setView(view: View): void {
  asked = null;
  useUi.setState({ view });
}

/** Other than with `useView`, outside of components. */
export function currentView(): View {
  const { view } = useUi.getState();
  if (asked === "form" || asked === "graph") return asked;
  return view === "auto" ? (window.matchMedia(NARROW).matches ? "form" : "graph") : view;
}
