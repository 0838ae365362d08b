/** Documents are read and written without loss, whatever they hold. */

import { describe, expect, test } from "vitest";
import { DocumentError, isDocument, readDocument, writeDocument } from "../../src/graph/document";
import { parseJson, toJson, type Json } from "../../src/json";

type Random = () => number;

/** The same numbers for the same seed, so that a failure can be looked at again. */
function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const below = (draw: Random, most: number) => Math.floor(draw() * most);
const one = <T>(draw: Random, list: readonly T[]): T => list[below(draw, list.length)]!;
const maybe = (draw: Random, value: Record<string, Json>) => (draw() < 0.5 ? value : {});
const upTo = <T>(draw: Random, most: number, make: (index: number) => T): T[] => Array.from({ length: below(draw, most + 1) }, (_unused, index) => make(index));

const SCALARS: readonly Json[] = [0, -1, 8.5, 2 ** 53, 18446744073709551615n, -9223372036854775808n, 2n ** 70n, true, false, null, "", "ä 🌍 \u0000int:5", "18446744073709551615", '"'];

function value(draw: Random, depth = 2): Json {
  if (depth === 0 || draw() < 0.7) return one(draw, SCALARS);
  return Object.fromEntries(upTo(draw, 3, (index) => [`k${index}`, value(draw, depth - 1)]));
}

function graph(draw: Random, classes: readonly string[]): Record<string, Json> {
  const ids = upTo(draw, 6, (index) => one(draw, [String(index + 1), `n ${index}`, `${index}:2`]));
  return Object.fromEntries(
    ids.map((id) => [
      id,
      {
        class_type: one(draw, classes),
        inputs: Object.fromEntries(
          upTo(draw, 4, (index) => [
            `in${index}`,
            draw() < 0.4 ? [one(draw, ids), below(draw, 3)] : draw() < 0.1 ? { __value__: [1, "two", 18446744073709551615n] } : value(draw),
          ]),
        ),
        _meta: {
          pos: [below(draw, 2000), -below(draw, 2000)],
          ...maybe(draw, { size: [240, 100] }),
          ...maybe(draw, { title: one(draw, ["Prompt", "×"]) }),
          ...maybe(draw, { mode: one(draw, ["mute", "bypass", "later"]) }),
          ...maybe(draw, { collapsed: true }),
          ...maybe(draw, { color: "#123456" }),
          ...maybe(draw, { control: { in0: "randomize" } }),
          ...maybe(draw, { theirs: value(draw) }),
        },
        ...maybe(draw, { is_changed: value(draw) }),
      },
    ]),
  );
}

function looks(draw: Random): Record<string, Json> {
  const groups = upTo(draw, 2, (index) => ({ id: `group-${index}`, title: "G", bounding: [0, 1, 2, 3], ...maybe(draw, { locked: true }) }));
  const notes = upTo(draw, 2, (index) => ({ id: `note-${index}`, text: "# N", pos: [1, 2], size: [3, 4], ...maybe(draw, { font: 3 }) }));
  return { ...(groups.length && { groups }), ...(notes.length && { notes }) };
}

function document(draw: Random): Record<string, Json> {
  const nodes = graph(draw, ["KSampler", "Nobody knows this", "subgraph:s"]);
  const ids = Object.keys(nodes);
  return {
    ...nodes,
    _workflow: {
      version: 1,
      id: "6f2c",
      title: "T",
      ...looks(draw),
      ...maybe(draw, { author: "A", requires: { models: [{ name: "m", size: 18446744073709551615n }] } }),
      ...maybe(draw, { viewport: { pos: [3, 4], zoom: 0.5 } }),
      ...(ids.length && { inputs: { plain: [ids[0]!, "in0"], told: { at: [ids[0]!, "in1"], title: "X", order: 2, ...maybe(draw, { unit: "px" }) } } }),
      ...(ids.length && { outputs: { node: ids[0]!, socket: [ids[0]!, 1] } }),
      ...maybe(draw, {
        subgraphs: {
          s: { title: "S", graph: graph(draw, ["A"]), inputs: { a: { type: "INT", to: [["1", "in0"]] } }, outputs: { o: ["1", 0] }, exposed: { e: ["1", "in1"] }, ...looks(draw), ...maybe(draw, { icon: "x" }) },
        },
      }),
    },
  };
}

describe("a document", () => {
  test("comes back as it was, over text too", () => {
    for (let seed = 1; seed <= 400; seed++) {
      const ours = parseJson(toJson(document(random(seed))));
      const again = writeDocument(readDocument(ours));
      expect(sorted(again), `seed ${seed}`).toEqual(sorted(ours));
      expect(toJson(writeDocument(readDocument(parseJson(toJson(again)))))).toBe(toJson(again));
    }
  });

  test("keeps the largest seeds digit for digit", () => {
    const text = '{"1":{"class_type":"KSampler","inputs":{"seed":18446744073709551615},"_meta":{"pos":[0,0]}}}';
    expect(toJson(writeDocument(readDocument(parseJson(text))))).toContain('"seed":18446744073709551615}');
  });

  test("of a newer version is refused with words", () => {
    expect(() => readDocument({ _workflow: { version: 2 } })).toThrow(DocumentError);
    expect(() => readDocument({ _workflow: { version: 2 } })).toThrow(/version 2.*up to 1/);
  });

  test("is told from other JSON", () => {
    expect(isDocument({ 1: { class_type: "A" } })).toBe(true);
    expect(isDocument({ nodes: [], links: [] })).toBe(false);
    expect(isDocument([1])).toBe(false);
    expect(isDocument({})).toBe(false);
  });

  test("puts nodes without a place below the others", () => {
    const { graph: read } = readDocument({ 1: { class_type: "A", inputs: {}, _meta: { pos: [10, 20] } }, 2: { class_type: "A", inputs: {} } });
    expect(read.nodes["1"]?.pos).toEqual([10, 20]);
    expect(read.nodes["2"]!.pos[1]).toBeGreaterThan(60);
  });

  test("of five thousand nodes is read and written in a moment", () => {
    const nodes = Object.fromEntries(
      Array.from({ length: 5000 }, (_unused, index) => [String(index + 1), { class_type: "A", inputs: { in: [String(index), 0], text: "x".repeat(40) } }]),
    );
    const before = performance.now();
    const again = writeDocument(readDocument(parseJson(toJson(nodes))));
    expect(Object.keys(again)).toHaveLength(5001);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

/** With keys in order: their order says nothing. */
function sorted(json: Json): unknown {
  if (Array.isArray(json)) return json.map(sorted);
  if (typeof json === "object" && json !== null)
    return Object.fromEntries(Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]));
  return typeof json === "bigint" ? `${json}n` : json;
}
