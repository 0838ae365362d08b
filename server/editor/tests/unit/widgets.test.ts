import { describe, expect, it } from "vitest";
import { needed, placeOfPicture, type Step } from "../../src/widgets/mask";
import { clamp, randomSeed, readNumber, shownNumber, stepped, type NumberWidgetDef } from "../../src/widgets/numbers";
import { weighted } from "../../src/widgets/weights";

const SEED: NumberWidgetDef = { kind: "int", min: 0, max: 2n ** 64n - 1n, step: 1, seed: true, slider: false };
const CFG: NumberWidgetDef = { kind: "float", min: 0, max: 30, step: 0.1, round: 0, slider: false };
const WIDTH: NumberWidgetDef = { kind: "int", min: 16, max: 4096, step: 8, seed: false, slider: false };

describe("numbers", () => {
  it("are exact up to the largest seed", () => {
    const largest = readNumber("18446744073709551615", SEED)!;
    expect(largest).toBe(2n ** 64n - 1n);
    expect(shownNumber(largest)).toBe("18446744073709551615");
    expect(shownNumber(Number.MAX_SAFE_INTEGER)).toBe("9007199254740991");
    expect(stepped(largest, -1, SEED)).toBe(2n ** 64n - 2n);
    expect(clamp(2n ** 64n, SEED)).toBe(2n ** 64n - 1n);
  });

  it("keep exact when a step leads over what a plain number holds", () => {
    expect(stepped(Number.MAX_SAFE_INTEGER, 1, SEED)).toBe(2n ** 53n);
    expect(stepped(Number.MAX_SAFE_INTEGER, 2, SEED)).toBe(2n ** 53n + 1n);
    expect(stepped(2n ** 53n, -1, SEED)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("stay on their grid and in their bounds", () => {
    expect(stepped(0.2, 1, CFG)).toBe(0.3);
    expect(stepped(30, 5, CFG)).toBe(30);
    expect(stepped(512, 10, WIDTH)).toBe(592);
    expect(stepped(16, -1, WIDTH)).toBe(16);
  });

  it("are not read from what is none", () => {
    expect(readNumber("12a", WIDTH)).toBeUndefined();
    expect(readNumber("1.5", WIDTH)).toBeUndefined();
    expect(readNumber("", CFG)).toBeUndefined();
    expect(readNumber("1,5", CFG)).toBe(1.5);
  });

  it("are drawn where every program reads them exactly", () => {
    for (let times = 0; times < 50; times++) expect(Number.isSafeInteger(randomSeed(SEED))).toBe(true);
  });
});

describe("weights of words", () => {
  it("go up, go down, and vanish at one", () => {
    const up = weighted("a red circle", 2, 5, 0.05);
    expect(up.text).toBe("a (red:1.05) circle");
    const more = weighted(up.text, up.start, up.end, 0.05);
    expect(more.text).toBe("a (red:1.1) circle");
    expect(weighted(up.text, up.start, up.end, -0.05).text).toBe("a red circle");
  });

  it("take the word at the cursor when nothing is chosen", () => {
    expect(weighted("a red circle", 3, 3, -0.05).text).toBe("a (red:0.95) circle");
    expect(weighted("a  b", 2, 2, 0.05).text).toBe("a  b");
  });
});

describe("masks", () => {
  const stroke: Step = { kind: "stroke", stroke: { erase: false, size: 10, points: [[0, 0]] } };

  it("are drawn anew from the last step that covers everything", () => {
    expect(needed([stroke, { kind: "clear" }, stroke])).toEqual([{ kind: "clear" }, stroke]);
    expect(needed([stroke, { kind: "invert" }])).toHaveLength(2);
  });

  it("know the picture that they belong to", () => {
    expect(placeOfPicture("a/b/cat.png [output]")).toEqual({ filename: "cat.png", subfolder: "a/b", type: "output" });
    expect(placeOfPicture("cat (1).png")).toEqual({ filename: "cat (1).png", subfolder: "", type: "input" });
    expect(placeOfPicture("")).toBeUndefined();
  });
});
