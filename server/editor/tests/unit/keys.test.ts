import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/app/commands";
import { commandFor, matches, shownKey } from "../../src/app/keys";
import { found } from "../../src/ui/CommandPalette";

const press = (key: string, more: KeyboardEventInit = {}, target: Element = document.body) => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, ...more });
  Object.defineProperty(event, "target", { value: target });
  return event;
};

describe("keys", () => {
  it("mean their commands", () => {
    expect(commandFor(press("z", { ctrlKey: true }))?.id).toBe("undo");
    expect(commandFor(press("Z", { ctrlKey: true, shiftKey: true }))?.id).toBe("redo");
    expect(commandFor(press("F2"))?.id).toBe("rename");
    expect(commandFor(press("?", { shiftKey: true }))?.id).toBe("help");
    expect(commandFor(press("c", { altKey: true, code: "KeyC" }))?.id).toBe("collapse");
    expect(commandFor(press("+", { shiftKey: true }))?.id).toBe("zoom-in");
  });

  it("belong to the field that somebody types in, but for some", () => {
    const field = document.createElement("textarea");
    expect(commandFor(press("l", {}, field))).toBeUndefined();
    expect(commandFor(press("Delete", {}, field))).toBeUndefined();
    expect(commandFor(press("Enter", { ctrlKey: true }, field))?.id).toBe("run");
    expect(commandFor(press("z", { ctrlKey: true }, field))?.id).toBe("undo");
    field.dataset["draft"] = "";
    expect(commandFor(press("z", { ctrlKey: true }, field))).toBeUndefined();
  });

  it("belong to an open dialog", () => {
    const dialog = document.createElement("dialog");
    const field = dialog.appendChild(document.createElement("input"));
    expect(commandFor(press("Enter", { ctrlKey: true }, field))).toBeUndefined();
  });

  it("press buttons where a button has the focus", () => {
    expect(commandFor(press(" ", {}, document.createElement("button")))).toBeUndefined();
    expect(commandFor(press(" "))?.id).toBe("add");
  });

  it("are no two commands' own", () => {
    const keys = COMMANDS.flatMap((each) => each.keys ?? []);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    expect(COMMANDS.map((each) => each.id).filter((id, index, ids) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it("are written as people read them", () => {
    expect(shownKey("mod+shift+z")).toBe("Ctrl+Shift+Z");
    expect(shownKey(" ")).toBe("Space");
    expect(shownKey("+")).toBe("+");
    expect(matches("ArrowUp", press("ArrowUp"))).toBe(true);
  });
});

describe("the command palette", () => {
  it("finds by words in any order, titles that begin so first", () => {
    expect(found(COMMANDS, "align")[0]?.id).toBe("align-left");
    expect(found(COMMANDS, "edges left").map((each) => each.id)).toEqual(["align-left"]);
    expect(found(COMMANDS, "nothing of the kind")).toEqual([]);
  });
});
