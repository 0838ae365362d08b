/** The form of a workflow whose inputs nobody has named. */

import { expect, test } from "vitest";
import { readNodeDefs } from "../../src/api/nodeDefs";
import { readDocument } from "../../src/graph/document";
import { suggestedInputs } from "../../src/graph/suggest";

const prompt = { input: { required: { text: ["STRING", { multiline: true }], clip: ["CLIP", {}] } }, output: ["CONDITIONING"] };
const sampler = {
  input: { required: { positive: ["CONDITIONING"], negative: ["CONDITIONING"], seed: ["INT", {}], steps: ["INT", {}], sampler_name: [["euler"], {}] } },
  output: ["LATENT"],
};
const defs = readNodeDefs({ Prompt: prompt, Sampler: sampler });

test("prompts come first, by what they feed; then seed and steps", () => {
  const workflow = readDocument({
    3: { class_type: "Sampler", inputs: { seed: 1, steps: 2, positive: ["6", 0], negative: ["7", 0] } },
    6: { class_type: "Prompt", inputs: { text: "a" } },
    7: { class_type: "Prompt", inputs: { text: "b" } },
  });
  const found = suggestedInputs(workflow, defs);
  expect(Object.keys(found)).toEqual(["prompt", "negative", "seed", "steps"]);
  expect(found["negative"]).toEqual({ node: "7", input: "text", title: "Negative prompt" });
});

test("what is linked or off is not offered, and names are told apart", () => {
  const workflow = readDocument({
    1: { class_type: "Sampler", inputs: { seed: ["9", 0] } },
    2: { class_type: "Sampler", inputs: {}, _meta: { mode: "mute" } },
    3: { class_type: "Sampler", inputs: {} },
  });
  expect(Object.keys(suggestedInputs(workflow, defs))).toEqual(["seed", "steps", "steps_2"]);
});
