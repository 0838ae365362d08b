/** Never losing work: what is open is kept in this browser after every edit, and comes back with the page. */

import { readDocument, writeDocument } from "../graph/document";
import { isObject, parseJson, toJson } from "../json";
import { newTab, useEditor, type Tab } from "./editor";
import { useUi } from "./ui";

const KEY = "safelight.session";
const AFTER = 400;

/** Opens what was open last; says whether there was anything. */
export function restoreSession(): boolean {
  try {
    const kept = parseJson(localStorage.getItem(KEY) ?? "null");
    if (!isObject(kept) || !Array.isArray(kept["tabs"])) return false;
    const tabs = kept["tabs"].flatMap((each): Tab[] => {
      if (!isObject(each) || !isObject(each["document"])) return [];
      const file = typeof each["file"] === "string" ? each["file"] : undefined;
      const { saved: _, ...tab } = newTab(readDocument(each["document"]), file);
      return [{ ...tab, ...(typeof each["id"] === "string" && { id: each["id"] }) }];
    });
    const some = tabs.some((tab) => Object.keys(tab.workflow.graph.nodes).length > 0);
    if (!tabs.length || !some) return false;
    const active = tabs.find((tab) => tab.id === kept["active"]) ?? tabs[0]!;
    useEditor.getState().restore(tabs, active.id);
    return true;
  } catch {
    return false;
  }
}

/** Keeps what is open, from now on. */
export function autosave(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let full = false;
  const keep = () => {
    timer = undefined;
    const { tabs, active } = useEditor.getState();
    const session = { active, tabs: tabs.map((tab) => ({ id: tab.id, file: tab.file, document: writeDocument(tab.workflow) })) };
    try {
      localStorage.setItem(KEY, toJson(session));
      full = false;
    } catch {
      if (!full)
        useUi.getState().toast("This browser's storage is full: edits are no longer kept over a reload. Save the workflow to the server or as a file.", "error");
      full = true;
    }
  };
  useEditor.subscribe((state) => state.tabs, () => {
    timer ??= setTimeout(keep, AFTER);
  });
  window.addEventListener("pagehide", keep);
}
