/** The difference of two workflows. */

import { describe, expect, test } from "vitest";
import { diff } from "../../src/graph/diff";
import { readDocument } from "../../src/graph/document";
import type { Json } from "../../src/json";

const base = {
  1: { class_type: "Text", inputs: { value: "a" }, _meta: { title: "Words", pos: [0, 0] } },
  2: { class_type: "Save", inputs: { text: ["1", 0], seed: 18446744073709551615n } },
  _workflow: { version: 1, title: "T", inputs: { words: ["1", "value"] } },
} satisfies Json;

const between = (before: Json, after: Json) => diff(readDocument(before), readDocument(after));

describe("a difference", () => {
  test("is empty for the same workflow, wherever its nodes stand", () => {
    const moved = { ...base, 1: { ...base[1], _meta: { title: "Words", pos: [50, 60], color: "#fff" } } };
    expect(between(base, moved)).toEqual({ nodes: [], about: [] });
  });

  test("names values before and after, large numbers too", () => {
    const changed = { ...base, 2: { ...base[2], inputs: { text: ["1", 0], seed: 18446744073709551614n } } };
    const [node] = between(base, changed).nodes;
    expect(node).toMatchObject({ kind: "changed", id: "2", changes: [{ name: "seed", before: "18446744073709551615", after: "18446744073709551614" }] });
  });

  test("tells links from values", () => {
    const typed = { ...base, 2: { ...base[2], inputs: { ...base[2].inputs, text: "typed" } } };
    expect(between(base, typed).nodes[0]!.changes).toEqual([{ name: "text", before: "from node 1, output 0", after: "typed" }]);
  });

  test("knows what came and what went; one of another class is both", () => {
    const other = { ...base, 1: { ...base[1], class_type: "Number" }, 3: { class_type: "Save", inputs: {} } };
    expect(between(base, other).nodes.map(({ kind, id }) => `${kind} ${id}`)).toEqual(["removed 1", "added 1", "added 3"]);
    expect(between(other, base).nodes.map(({ kind, id }) => `${kind} ${id}`)).toContain("removed 3");
  });

  test("looks into sub-graphs and at names", () => {
    const inner = (value: string) => ({ ...base, _workflow: { ...base._workflow, subgraphs: { s: { title: "S", graph: { 5: { class_type: "Text", inputs: { value } } } } } } });
    expect(between(inner("a"), inner("b")).nodes[0]).toMatchObject({ id: "5", within: "s" });
    const renamed = { ...base, _workflow: { version: 1, title: "U", inputs: {} } };
    expect(between(base, renamed).about.map((each) => each.name)).toEqual(["title", "input words"]);
  });
});
