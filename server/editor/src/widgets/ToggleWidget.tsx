/** Yes or no. */

import type { Widget } from "../api/nodeDefs";
import { fieldId, type WidgetProps } from "./WidgetField";

export function ToggleWidget({ node, input, value, change, widget }: WidgetProps & { widget: Extract<Widget, { kind: "boolean" }> }) {
  const on = value === true;
  return (
    <div className="widget toggle nodrag">
      <label htmlFor={fieldId({ node, input })} title={input.tooltip}>
        {input.name}
      </label>
      <button id={fieldId({ node, input })} type="button" role="switch" aria-checked={on} onClick={() => change(!on)}>
        {on ? widget.on : widget.off}
      </button>
    </div>
  );
}
