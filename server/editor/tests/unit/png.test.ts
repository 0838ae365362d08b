/** Texts in pictures: written so that they are read again, by us and by others. */

import { describe, expect, test } from "vitest";
import { readTexts } from "../../src/io/metadata";
import { ascii, withTexts } from "../../src/io/png";

/** A picture of one pixel. */
const PIXEL = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
  (letter) => letter.charCodeAt(0),
);

describe("a PNG", () => {
  test("carries several texts, of any letters", () => {
    const texts = { prompt: '{"1":"ä 🌍"}', safelight: "{}" };
    const read = readTexts(withTexts(PIXEL, texts));
    expect(JSON.parse(read!["prompt"]!)).toEqual({ "1": "ä 🌍" });
    expect(read!["safelight"]).toBe("{}");
  });

  test("holds a text of a name once", () => {
    const twice = withTexts(withTexts(PIXEL, { workflow: "1", other: "o" }), { workflow: "2" });
    expect(readTexts(twice)).toEqual({ workflow: "2", other: "o" });
    expect(twice.length).toBe(withTexts(PIXEL, { workflow: "1", other: "o" }).length);
  });

  test("has chunks with the check sums that readers verify", () => {
    const chunk = withTexts(PIXEL, { a: "b" }).subarray(33, 33 + 15);
    expect([...chunk.subarray(0, 4)]).toEqual([0, 0, 0, 3]);
    expect(String.fromCharCode(...chunk.subarray(4, 11))).toBe("tEXta\0b");
    expect(new DataView(chunk.buffer, chunk.byteOffset).getUint32(11)).toBe(crcOf(chunk.subarray(4, 11)));
  });

  test("that was cut off is read as far as it goes", () => {
    const whole = withTexts(PIXEL, { safelight: "x".repeat(100) });
    for (let length = 0; length < whole.length; length += 7) expect(() => readTexts(whole.subarray(0, length))).not.toThrow();
  });
});

test("text becomes ASCII that JSON reads back", () => {
  expect(ascii('"é🌍"')).toBe('"\\u00e9\\ud83c\\udf0d"');
});

test("bytes that are no picture have no texts", () => {
  expect(readTexts(new TextEncoder().encode('{"a": 1}'))).toBeUndefined();
});

/** The check sum bit by bit, as the specification of PNG has it. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const low = (crc ^ (byte >>> bit)) & 1;
      crc = (crc >>> 1) ^ (low ? 0xedb88320 : 0);
    }
  return (crc ^ 0xffffffff) >>> 0;
}
