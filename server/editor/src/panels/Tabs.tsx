/** The open workflows: arrows go along, a drag reorders, a double click renames, a middle click closes. */

import { useEffect, useRef, useState, type DragEvent, type KeyboardEvent } from "react";
import { emptyWorkflow } from "../graph/model";
import { isDirty, useEditor, type Tab } from "../state/editor";
import { closeTab } from "../state/files";
import { Icon } from "../ui/icons";
import "./Tabs.css";

const TAB = "application/x-safelight-tab";

export function Tabs() {
  const tabs = useEditor((state) => state.tabs);
  const active = useEditor((state) => state.active);
  const [renaming, setRenaming] = useState<string>();
  const list = useRef<HTMLDivElement>(null);
  const { activate, move, open } = useEditor.getState();

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [active]);

  const onKeyDown = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === active);
    const side = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (side && event.altKey) move(active, Math.max(0, at + side));
    else if (side) go((at + side + tabs.length) % tabs.length);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(tabs.length - 1);
    else if (event.key === "F2") setRenaming(active);
    else if (event.key === "Delete") closeTab(active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const go = (index: number) => {
    activate(tabs[index]!.id);
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };
  const onDrop = (event: DragEvent, to: number) => {
    const id = event.dataTransfer.getData(TAB);
    if (!id) return;
    event.preventDefault();
    event.stopPropagation();
    move(id, to);
  };

  return (
    <div className="tabs">
      {/* The buttons that close stand among the tabs, and a list of tabs may hold tabs alone. */}
      <div role="tablist" aria-label="Workflows" aria-owns={tabs.map((tab) => `tab-${tab.id}`).join(" ")} />
      <div ref={list} className="tab-list">
        {tabs.map((tab, index) => (
          <span
            key={tab.id}
            className="tab"
            role="presentation"
            data-active={tab.id === active || undefined}
            draggable={renaming !== tab.id}
            onDragStart={(event) => event.dataTransfer.setData(TAB, tab.id)}
            onDragOver={(event) => {
              if (event.dataTransfer.types.includes(TAB)) event.preventDefault();
            }}
            onDrop={(event) => onDrop(event, index)}
            onAuxClick={(event) => {
              if (event.button === 1) closeTab(tab.id);
            }}
            onPointerDown={(event) => {
              if (event.button === 1) event.preventDefault();
            }}
          >
            {renaming === tab.id ? (
              <Name tab={tab} done={() => setRenaming(undefined)} />
            ) : (
              <button
                type="button"
                id={`tab-${tab.id}`}
                role="tab"
                aria-selected={tab.id === active}
                tabIndex={tab.id === active ? 0 : -1}
                title={tab.file === undefined ? `${tab.workflow.title}, not saved on the server` : `${tab.workflow.title}, saved as ${tab.file}`}
                onClick={() => activate(tab.id)}
                onDoubleClick={() => setRenaming(tab.id)}
                onKeyDown={onKeyDown}
              >
                {tab.workflow.title}
                {isDirty(tab) ? <i className="unsaved" role="img" aria-label="not saved" /> : null}
              </button>
            )}
            <button type="button" className="close" tabIndex={tab.id === active ? 0 : -1} aria-label={`Close ${tab.workflow.title}`} onClick={() => closeTab(tab.id)}>
              <Icon name="close" size={12} />
            </button>
          </span>
        ))}
      </div>
      <button type="button" className="icon-button" aria-label="New workflow" title="New workflow" onClick={() => open(emptyWorkflow())}>
        <Icon name="add" />
      </button>
    </div>
  );
}

function Name({ tab, done }: { tab: Tab; done: () => void }) {
  const [name, setName] = useState(tab.workflow.title);
  const finish = () => {
    done();
    const title = name.trim();
    if (!title || title === tab.workflow.title) return;
    useEditor.getState().activate(tab.id);
    useEditor.getState().edit("Rename", (workflow) => ({ ...workflow, title }));
  };
  return (
    <input
      autoFocus
      className="tab-name"
      aria-label="Title of the workflow"
      value={name}
      size={Math.max(8, name.length)}
      onFocus={(event) => event.target.select()}
      onChange={(event) => setName(event.target.value)}
      onBlur={finish}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") finish();
        if (event.key === "Escape") done();
      }}
    />
  );
}
