/** Workflow tabs, undo and redo, and Run with what it would do. */

import { Tabs } from "../panels/Tabs";
import { ViewSwitch } from "../panels/ViewSwitch";
import { command } from "./commands";
import { shownKey } from "./keys";
import { RunButton } from "./RunButton";

export function TopBar() {
  return (
    <header className="topbar">
      <strong className="logo" aria-label="Safelight">
        <i /> Safelight
      </strong>
      <Tabs />
      <ViewSwitch />
      <CommandButton id="undo" text="↶" />
      <CommandButton id="redo" text="↷" />
      <CommandButton id="tidy" text="Tidy" />
      <RunButton />
    </header>
  );
}

export function CommandButton({ id, text }: { id: string; text: string }) {
  const { title, keys, run } = command(id);
  const key = keys?.[0] ? ` (${shownKey(keys[0])})` : "";
  return (
    <button type="button" className="icon" aria-label={title} title={title + key} onClick={run}>
      {text}
    </button>
  );
}
