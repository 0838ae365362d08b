/** A text; in prompts Ctrl+Up and Ctrl+Down change the weight of what is selected. */

import { useEffect, useRef, type KeyboardEvent } from "react";
import type { Widget } from "../api/nodeDefs";
import { weighted } from "./weights";
import { useFieldId, type WidgetProps } from "./WidgetField";

export function TextWidget({ node, input, value, change, widget }: WidgetProps & { widget: Extract<Widget, { kind: "text" }> }) {
  const id = useFieldId({ node, input });
  const area = useRef<HTMLTextAreaElement>(null);
  const text = String(value ?? "");
  const merge = `${node.id} ${input.name}`;

  useEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = "0";
    element.style.height = `${Math.min(Math.max(element.scrollHeight + 2, 54), 240)}px`;
  }, [text]);

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (!(event.ctrlKey || event.metaKey) || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    event.preventDefault();
    const { selectionStart, selectionEnd } = event.currentTarget;
    const next = weighted(text, selectionStart, selectionEnd, event.key === "ArrowUp" ? 0.05 : -0.05);
    change(next.text, merge);
    const element = event.currentTarget;
    requestAnimationFrame(() => element.setSelectionRange(next.start, next.end));
  };

  if (!widget.multiline)
    return (
      <div className="widget line nodrag">
        <label htmlFor={id} title={input.tooltip}>
          {input.name}
        </label>
        <input
          id={id}
          value={text}
          placeholder={widget.placeholder}
          spellCheck={false}
          onChange={(event) => change(event.target.value, merge)}
        />
      </div>
    );
  return (
    <div className="widget text nodrag nowheel">
      <label htmlFor={id} title={input.tooltip}>
        {input.name}
      </label>
      <textarea
        ref={area}
        id={id}
        value={text}
        placeholder={widget.placeholder || input.name}
        onChange={(event) => change(event.target.value, merge)}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}
