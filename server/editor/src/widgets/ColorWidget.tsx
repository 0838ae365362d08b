/** A colour: a number 0xRRGGBB, or a text `#rrggbb`. */

import { useFieldId, type WidgetProps } from "./WidgetField";

export function ColorWidget({ node, input, value, change }: WidgetProps) {
  const id = useFieldId({ node, input });
  const text = typeof value === "string" ? value : `#${Number(value ?? 0).toString(16).padStart(6, "0")}`;
  return (
    <div className="widget line nodrag">
      <label htmlFor={id} title={input.tooltip}>
        {input.name}
      </label>
      <input
        id={id}
        type="color"
        value={text}
        onChange={(event) => {
          const next = event.target.value;
          change(typeof value === "string" ? next : Number.parseInt(next.slice(1), 16), `${node.id} ${input.name}`);
        }}
      />
    </div>
  );
}
