/** Yes or no. */

import type { Widget } from "../api/nodeDefs";
import { useFieldId, type WidgetProps } from "./WidgetField";

export function ToggleWidget({ node, input, value, change, widget }: WidgetProps & { widget: Extract<Widget, { kind: "boolean" }> }) {
  const id = useFieldId({ node, input });
  const on = value === true;
  return (
    <div className="widget toggle nodrag">
      <label htmlFor={id} title={input.tooltip}>
        {input.name}
      </label>
      <button id={id} type="button" role="switch" aria-checked={on} onClick={() => change(!on)}>
        {on ? widget.on : widget.off}
      </button>
    </div>
  );
}
