/** The page: tabs and Run above, the canvas in the middle, panels around it. */

import { ReactFlowProvider } from "@xyflow/react";
import { useEffect } from "react";
import { AddSearch } from "../canvas/AddSearch";
import { Canvas } from "../canvas/Canvas";
import { DiffPanel } from "../panels/Diff";
import { Drawer } from "../panels/Drawer";
import { FileDialogs } from "../panels/FileDialogs";
import { FormView } from "../panels/FormView";
import { Inspector } from "../panels/Inspector";
import { Left } from "../panels/Left";
import { useRuns } from "../state/runs";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { useView } from "../state/view";
import { Ask } from "../ui/Ask";
import { CommandPalette } from "../ui/CommandPalette";
import { Help } from "../ui/Help";
import { ContextMenu } from "../ui/Menu";
import { useOverlay } from "../ui/overlay";
import { MaskPainter } from "../widgets/MaskPainter";
import { Toasts } from "../ui/Toasts";
import { listenToKeys } from "./keys";
import { TopBar } from "./TopBar";

export function App() {
  const theme = useUi((state) => state.theme);
  const view = useView();
  const focused = useOverlay((state) => state.focused);
  useEffect(listenToKeys, []);
  useEffect(() => {
    const media = window.matchMedia("(prefers-color-scheme: light)");
    const apply = () => {
      document.documentElement.dataset["theme"] = theme === "system" ? (media.matches ? "light" : "dark") : theme;
    };
    apply();
    media.addEventListener("change", apply);
    return () => media.removeEventListener("change", apply);
  }, [theme]);
  return (
    <ReactFlowProvider>
      <div className="app" data-view={view} data-focused={focused || undefined}>
        <TopBar />
        <Connection />
        <main className="middle">
          <Left />
          {view === "form" ? <FormView /> : <Canvas />}
          {view === "form" ? null : <DiffPanel />}
          {view === "form" ? null : <Inspector />}
        </main>
        <FileDialogs />
        <Drawer />
        <AddSearch />
        <ContextMenu />
        <Ask />
        <MaskPainter />
        <CommandPalette />
        <Help />
        <Toasts />
      </div>
    </ReactFlowProvider>
  );
}

/** What keeps the editor from working, when something does. */
function Connection() {
  const connected = useRuns((state) => state.connected);
  const ever = useRuns((state) => state.everConnected);
  const defs = useServer((state) => state.defsState);
  const error = useServer((state) => state.defsError);
  if (defs === "failed")
    return (
      <p className="banner" role="alert">
        {error} <button type="button" onClick={() => void useServer.getState().loadDefs()}>Try again</button>
      </p>
    );
  if (ever && !connected) return <p className="banner" role="alert">The server is gone. Your work is kept here; the page reconnects by itself.</p>;
  return null;
}
