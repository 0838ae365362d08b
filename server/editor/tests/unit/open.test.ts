/** Files of every kind, and what is said of those that are none. */

import { afterEach, expect, test, vi } from "vitest";
import { writeDocument } from "../../src/graph/document";
import { readFile } from "../../src/io/open";
import { withTexts } from "../../src/io/png";
import { toJson } from "../../src/json";

const GRAPH = { 1: { class_type: "Text", inputs: { value: "a", seed: 18446744073709551615n } } };
const PIXEL = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
  (letter) => letter.charCodeAt(0),
);

const file = (content: BlobPart, name = "work.json") => new File([content], name);
const picture = (texts: Record<string, string>) => file(withTexts(PIXEL, texts), "work.png");

afterEach(() => vi.unstubAllGlobals());

test("a graph is opened under the name of its file, with its numbers whole", async () => {
  const workflow = await readFile(file(toJson(GRAPH)));
  expect(workflow.title).toBe("work");
  expect(writeDocument(workflow)["1"]).toMatchObject({ inputs: { seed: 18446744073709551615n } });
});

test("a graph in the body of a request is found", async () => {
  expect((await readFile(file(toJson({ prompt: GRAPH, client_id: "x" })))).graph.nodes["1"]?.classType).toBe("Text");
});

test("of what a picture carries the fullest is read, and the next when that is damaged", async () => {
  const ours = toJson({ ...GRAPH, _workflow: { title: "Ours", version: 1 } });
  expect((await readFile(picture({ prompt: toJson(GRAPH), safelight: ours }))).title).toBe("Ours");
  expect((await readFile(picture({ prompt: toJson(GRAPH), safelight: "{" }))).title).toBe("work");
});

test("files of other editors are converted by the server", async () => {
  const asked: unknown[] = [];
  vi.stubGlobal("fetch", (address: string, init: RequestInit) => {
    asked.push([new URL(address).pathname, JSON.parse(String(init.body))]);
    return Promise.resolve(new Response(toJson({ workflow: GRAPH, problems: [] })));
  });
  const workflow = await readFile(file('{"nodes": [], "links": []}'));
  expect(workflow.graph.nodes["1"]?.classType).toBe("Text");
  expect(asked).toEqual([["/v1/convert", { workflow: { nodes: [], links: [] }, form: "document" }]]);
});

test.each([
  ["{", "neither JSON nor a picture"],
  ['{"a": 1}', "no workflow that this editor knows"],
  ["[1]", "no workflow that this editor knows"],
  ['{"1": {"class_type": "A"}, "_workflow": {"version": 7}}', "of version 7"],
  [new Uint8Array([1, 2, 255]), "neither JSON nor a picture"],
])("%s is refused with words", async (content, words) => {
  await expect(readFile(file(content as BlobPart))).rejects.toThrow(words);
});

test("a picture without a workflow says so, and that words are there when they are", async () => {
  await expect(readFile(picture({}))).rejects.toThrow("carries no workflow.");
  await expect(readFile(picture({ parameters: "a cat, steps 20" }))).rejects.toThrow("as words");
});
