/** Workflow tabs, undo and redo, and Run with what it would do. */

import { Tabs } from "../panels/Tabs";
import { ViewSwitch } from "../panels/ViewSwitch";
import { command } from "./commands";
import { shownKey } from "./keys";
import { Icon } from "../ui/icons";
import { RunButton } from "./RunButton";

export function TopBar() {
  return (
    <header className="topbar">
      <strong className="logo" aria-label="Safelight">
        <i /> Safelight
      </strong>
      <Tabs />
      <ViewSwitch />
      <CommandButton id="undo" />
      <CommandButton id="redo" />
      <CommandButton id="tidy" />
      <CommandButton id="palette" />
      <CommandButton id="inspect" />
      <CommandButton id="help" />
      <RunButton />
    </header>
  );
}

export function CommandButton({ id }: { id: string }) {
  const { title, keys, icon, run } = command(id);
  const key = keys?.[0] ? ` (${shownKey(keys[0])})` : "";
  return (
    <button type="button" className="icon" aria-label={title} title={title + key} onClick={run}>
      <Icon name={icon ?? "more"} />
    </button>
  );
}
