import { expect, it } from "vitest";
import type { Problem } from "../../src/api/client";
import type { InputDef } from "../../src/api/nodeDefs";
import { fixOf } from "../../src/graph/fixes";
import { ranked } from "../../src/graph/search";
import { readNodeDefs } from "../../src/api/nodeDefs";

const problem = (code: string, hint = ""): Problem => ({ severity: "error", code, message: "", hint, node: "1", input: "x" });
const input = (widget: InputDef["widget"], fallback?: InputDef["default"]): InputDef => ({
  name: "x", type: "X", required: true, tooltip: "", lazy: false, ...(widget && { widget }), ...(fallback !== undefined && { default: fallback }),
});

it("offers the choice that was meant, or else the first", () => {
  const combo = input({ kind: "combo", options: ["euler", "heun"], upload: false });
  expect(fixOf(problem("value_not_in_list", "did you mean 'heun'?"), combo)?.value).toBe("heun");
  expect(fixOf(problem("value_not_in_list"), combo)?.value).toBe("euler");
});

it("offers the bound that was passed, and the default of what is missing", () => {
  const number = input({ kind: "int", min: 1, max: 9, step: 1, seed: false, slider: false }, 4);
  expect(fixOf(problem("value_smaller_than_min"), number)?.value).toBe(1);
  expect(fixOf(problem("value_bigger_than_max"), number)?.value).toBe(9);
  expect(fixOf(problem("required_input_missing"), number)?.value).toBe(4);
  expect(fixOf(problem("required_input_missing"), input(undefined))).toBeUndefined();
});

it("finds node classes by title, name, initials and scattered letters", () => {
  const defs = Object.values(
    readNodeDefs({
      KSampler: { display_name: "KSampler", category: "sampling", description: "Removes noise.", input: {}, output: [] },
      SaveImage: { display_name: "Save image", category: "image", description: "", input: {}, output: [] },
      ImageScale: { display_name: "Scale image", category: "image", description: "", input: {}, output: [] },
    }),
  );
  const names = (query: string) => ranked(defs, query).map((def) => def.classType);
  expect(names("ksam")).toEqual(["KSampler"]);
  expect(names("si")[0]).toBe("SaveImage");
  expect(names("kspl")).toEqual(["KSampler"]);
  expect(names("image")).toEqual(expect.arrayContaining(["SaveImage", "ImageScale"]));
  expect(names("noise")).toEqual(["KSampler"]);
  expect(names("zzz")).toEqual([]);
});
