import { describe, expect, it } from "vitest";
import { readInline, readMarkdown } from "../../src/ui/markdown";

describe("the Markdown of notes", () => {
  it("knows headings, lists, code and paragraphs", () => {
    const blocks = readMarkdown("# Title\n\nSome *words* and `code`\nsecond line\n\n- one\n- **two**\n\n1. first\n\n```\na < b\n```\n---");
    expect(blocks.map((block) => block.kind)).toEqual(["heading", "paragraph", "list", "list", "code", "rule"]);
    expect(blocks[2]).toMatchObject({ ordered: false, items: [[{ text: "one" }], [{ kind: "bold", text: "two" }]] });
    expect(blocks[4]).toEqual({ kind: "code", text: "a < b" });
  });

  it("keeps HTML and strange links as the text that they are", () => {
    expect(readInline("<b onclick=x>hi</b>")).toEqual([{ kind: "text", text: "<b onclick=x>hi</b>" }]);
    expect(readInline("[x](javascript:alert(1))").every((each) => each.kind !== "link")).toBe(true);
    expect(readInline("[docs](https://example.org/a)")).toEqual([{ kind: "link", text: "docs", href: "https://example.org/a" }]);
  });

  it("ends with the text, whatever was left open", () => {
    expect(readMarkdown("```\nnever closed")).toEqual([{ kind: "code", text: "never closed" }]);
    expect(readMarkdown("")).toEqual([]);
  });
});
