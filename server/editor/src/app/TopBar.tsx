/** Workflow tabs, undo and redo, and Run with what it would do. */

import { useEditor } from "../state/editor";
import { emptyWorkflow } from "../graph/model";
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
      <CommandButton id="undo" text="↶" />
      <CommandButton id="redo" text="↷" />
      <CommandButton id="tidy" text="Tidy" />
      <RunButton />
    </header>
  );
}

function Tabs() {
  const tabs = useEditor((state) => state.tabs);
  const active = useEditor((state) => state.active);
  const { activate, close, open } = useEditor.getState();
  return (
    <div className="tabs" role="tablist" aria-label="Workflows">
      {tabs.map((tab) => (
        <span key={tab.id} className="tab" data-active={tab.id === active || undefined}>
          <button type="button" role="tab" aria-selected={tab.id === active} onClick={() => activate(tab.id)}>
            {tab.workflow.title}
            {tab.past.length && tab.saved !== tab.workflow ? " •" : ""}
          </button>
          <button type="button" aria-label={`Close ${tab.workflow.title}`} onClick={() => close(tab.id)}>
            ×
          </button>
        </span>
      ))}
      <button type="button" className="icon" aria-label="New workflow" onClick={() => open(emptyWorkflow())}>
        +
      </button>
    </div>
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
