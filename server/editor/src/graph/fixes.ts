/** One-click repairs of what validation complains about. */

import type { Problem } from "../api/client";
import type { InputDef } from "../api/nodeDefs";
import type { Json } from "../json";

export interface Fix {
  readonly label: string;
  readonly input: string;
  readonly value: Json;
}

/** What would mend a problem, when one value does. */
export function fixOf(problem: Problem, input: InputDef | undefined): Fix | undefined {
  const widget = input?.widget;
  if (!input || !widget) return undefined;
  const set = (value: Json): Fix => ({ label: `Use ${String(value)}`, input: input.name, value });
  switch (problem.code) {
    case "value_not_in_list": {
      const suggested = /did you mean '([^']+)'/i.exec(problem.hint)?.[1];
      const options = widget.kind === "combo" ? widget.options : [];
      const value = options.find((option) => option === suggested) ?? options[0];
      return value === undefined ? undefined : set(value);
    }
    case "value_smaller_than_min":
      return widget.kind === "int" || widget.kind === "float" ? set(widget.min) : undefined;
    case "value_bigger_than_max":
      return widget.kind === "int" || widget.kind === "float" ? set(widget.max) : undefined;
    case "invalid_input_type":
    case "required_input_missing":
      return input.default === undefined ? undefined : set(input.default);
    default:
      return undefined;
  }
}
