/** Tabs: what is unsaved, what is closed and comes back, and in which order they stand. */

import { beforeEach, describe, expect, test } from "vitest";
import { readDocument } from "../../src/graph/document";
import { setValue } from "../../src/graph/ops";
import { activeTab, isDirty, useEditor } from "../../src/state/editor";

const workflow = (title: string) => readDocument({ 1: { class_type: "Text", inputs: { value: "a" } }, _workflow: { title, version: 1 } });
const editor = () => useEditor.getState();
const tab = () => activeTab(editor());
const titles = () => editor().tabs.map((each) => each.workflow.title).join(" ");

function change(value: string): void {
  editor().editGraph("Change", (graph) => setValue(graph, "1", "value", value));
}

beforeEach(() => {
  useEditor.setState({ tabs: [], active: "", closed: [] });
  for (const title of ["A", "B", "C"]) editor().open(workflow(title));
});

describe("a tab", () => {
  test("that was opened and not touched is not unsaved", () => {
    expect(isDirty(tab())).toBe(false);
  });

  test("is unsaved after an edit, and no more after its undo", () => {
    const { id } = tab();
    editor().markSaved(id, tab().workflow, "C", '"1"');
    change("b");
    expect(isDirty(tab())).toBe(true);
    editor().undo();
    expect(isDirty(tab())).toBe(false);
    editor().redo();
    editor().markSaved(id, tab().workflow, "C", '"2"');
    expect([isDirty(tab()), tab().etag]).toEqual([false, '"2"']);
  });

  test("is not unsaved because somebody looks elsewhere", () => {
    const { id } = tab();
    editor().markSaved(id, tab().workflow, "C");
    useEditor.setState({ tabs: editor().tabs.map((each) => (each.id === id ? { ...each, workflow: { ...each.workflow, viewport: { pos: [1, 2], zoom: 1 } } } : each)) });
    expect(isDirty(tab())).toBe(false);
  });

  test("that was closed comes back with its past", () => {
    change("b");
    const before = tab();
    editor().close(before.id);
    expect(titles()).toBe("A B");
    editor().reopen();
    expect(titles()).toBe("A B C");
    expect(tab()).toBe(before);
    editor().undo();
    expect(tab().workflow.graph.nodes["1"]?.values["value"]).toBe("a");
  });

  test("comes back once", () => {
    editor().close(tab().id);
    editor().reopen();
    editor().reopen();
    expect(titles()).toBe("A B C");
  });

  test("without nodes is not worth keeping", () => {
    useEditor.setState({ tabs: [], active: "" });
    editor().open(readDocument({ _workflow: { title: "Empty" } }));
    editor().close(tab().id);
    expect(editor().closed).toHaveLength(0);
    expect(editor().tabs).toHaveLength(1);
  });

  test("moves to where it is put", () => {
    const [first, , last] = editor().tabs;
    editor().move(last!.id, 0);
    expect(titles()).toBe("C A B");
    editor().move(first!.id, 2);
    expect(titles()).toBe("C B A");
    editor().move("nothing", 0);
    expect(titles()).toBe("C B A");
  });

  test("loses its file without losing its work", () => {
    editor().markSaved(tab().id, tab().workflow, "C", '"1"');
    editor().markSaved(tab().id, tab().workflow, undefined);
    expect(tab()).not.toHaveProperty("file");
    expect(tab()).not.toHaveProperty("etag");
  });
});
