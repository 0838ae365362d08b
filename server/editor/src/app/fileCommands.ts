/** The actions on files, tabs and views. */

import { exportAs } from "../io/export";
import { chooseFiles } from "../io/open";
import { emptyWorkflow } from "../graph/model";
import { compareWith, endComparison, openComparison } from "../state/comparison";
import { useEditor } from "../state/editor";
import { closeTab, save, useFiles } from "../state/files";
import { useUi, type LeftPanel } from "../state/ui";
import { currentView, setView } from "../state/view";
import type { Command } from "./commands";

const toggle = (left: LeftPanel) => useUi.getState().set({ left: useUi.getState().left === left ? "" : left });

export const FILE_COMMANDS: readonly Command[] = [
  { id: "save", title: "Save", keys: ["mod+s"], whileTyping: true, run: () => void save() },
  { id: "save-as", title: "Save as…", keys: ["mod+shift+s"], whileTyping: true, run: () => useFiles.setState({ naming: useEditor.getState().active }) },
  { id: "open", title: "Open files…", keys: ["mod+o"], whileTyping: true, run: chooseFiles },
  { id: "new", title: "New workflow", run: () => useEditor.getState().open(emptyWorkflow()) },
  { id: "close-tab", title: "Close the tab", keys: ["alt+w"], run: () => closeTab(useEditor.getState().active) },
  { id: "reopen-tab", title: "Reopen closed tab", keys: ["alt+shift+t"], run: () => useEditor.getState().reopen() },
  { id: "download", title: "Download the workflow", run: () => void exportAs("document") },
  { id: "export-png", title: "Export as a picture with the workflow", run: () => void exportAs("png") },
  { id: "export-script", title: "Export as a Python script", run: () => void exportAs("script") },
  { id: "export-editor", title: "Export for ComfyUI's editor", run: () => void exportAs("editor") },
  { id: "export-api", title: "Export for ComfyUI's API", run: () => void exportAs("api") },
  { id: "compare-saved", title: "Compare with the saved version", run: () => void compareWith("saved") },
  { id: "compare-with", title: "Compare with another workflow…", run: openComparison },
  { id: "compare-end", title: "End the comparison", run: endComparison },
  { id: "panel-add", title: "Nodes to add", run: () => toggle("add") },
  { id: "panel-files", title: "Files", run: () => toggle("files") },
  { id: "panel-templates", title: "Templates", run: () => toggle("templates") },
  { id: "view", title: "Graph or form", keys: ["alt+v"], run: () => setView(currentView() === "form" ? "graph" : "form") },
];
