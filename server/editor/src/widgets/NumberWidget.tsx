/** A number: typed, stepped with the arrow keys, or dragged sideways by its name. */

import { useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { changeNode } from "../graph/ops";
import type { Control } from "../graph/model";
import { Icon, type IconName } from "../ui/icons";
import { useEditor } from "../state/editor";
import { clamp, randomSeed, readNumber, shownNumber, stepped, type NumberWidgetDef, type Numeric } from "./numbers";
import { useFieldId, type WidgetProps } from "./WidgetField";

const CONTROLS: readonly Control[] = ["fixed", "randomize", "increment", "decrement"];
const SIGNS: Readonly<Record<Control, IconName>> = { fixed: "lock", randomize: "dice", increment: "plus", decrement: "minus" };
const PIXELS_A_STEP = 6;

export function NumberWidget({ node, input, value, change, widget }: WidgetProps & { widget: NumberWidgetDef }) {
  const id = useFieldId({ node, input });
  const [typed, setTyped] = useState<string>();
  const drag = useRef<{ x: number; from: Numeric; moved: boolean }>(undefined);
  const current: Numeric = typeof value === "number" || typeof value === "bigint" ? value : 0;
  const merge = `${node.id} ${input.name}`;
  const step = (steps: number) => change(stepped(current, steps, widget), merge);

  const commit = () => {
    if (typed === undefined) return;
    const read = readNumber(typed, widget);
    if (read !== undefined) change(clamp(read, widget));
    setTyped(undefined);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const size = event.shiftKey ? 10 : 1;
    if (event.key === "Enter") commit();
    else if (event.key === "Escape") setTyped(undefined);
    else if (event.key === "ArrowUp") step(size);
    else if (event.key === "ArrowDown") step(-size);
    else return;
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      setTyped(undefined);
    }
  };

  const label = {
    onPointerDown: (event: PointerEvent<HTMLLabelElement>) => {
      drag.current = { x: event.clientX, from: current, moved: false };
      event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent<HTMLLabelElement>) => {
      const start = drag.current;
      if (!start) return;
      const steps = Math.round((event.clientX - start.x) / PIXELS_A_STEP) * (event.shiftKey ? 10 : 1);
      if (steps || start.moved) {
        start.moved = true;
        change(stepped(start.from, steps, widget), `${merge} drag ${start.x}`);
      }
    },
    onPointerUp: () => {
      drag.current = undefined;
    },
  };

  return (
    <div className="widget number nodrag" data-seed={(widget.kind === "int" && widget.seed) || undefined}>
      <label htmlFor={id} title={input.tooltip || "Drag sideways to change"} {...label}>
        {input.name}
      </label>
      {widget.slider ? (
        <input
          type="range"
          aria-label={`${input.name} slider`}
          min={Number(widget.min)}
          max={Number(widget.max)}
          step={widget.step}
          value={Number(current)}
          onChange={(event) => change(stepped(Number(event.target.value), 0, widget), merge)}
        />
      ) : null}
      <input
        id={id}
        inputMode={widget.kind === "int" ? "numeric" : "decimal"}
        role="spinbutton"
        aria-valuenow={Number(current)}
        aria-valuemin={Number(widget.min)}
        aria-valuemax={Number(widget.max)}
        autoComplete="off"
        spellCheck={false}
        data-draft={typed === undefined ? undefined : ""}
        value={typed ?? shownNumber(value)}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={commit}
        onKeyDown={onKeyDown}
      />
      {widget.kind === "int" && widget.seed ? <SeedControl node={node} input={input} draw={() => change(randomSeed(widget))} /> : null}
    </div>
  );
}

/** What happens to a seed after it was queued, and a new one at a click. */
function SeedControl({ node, input, draw }: Pick<WidgetProps, "node" | "input"> & { draw: () => void }) {
  const control = node.control?.[input.name] ?? "fixed";
  const next = CONTROLS[(CONTROLS.indexOf(control) + 1) % CONTROLS.length]!;
  return (
    <>
      <button type="button" aria-label={`New ${input.name}`} title="Draw a new one" onClick={draw}>
        <Icon name="again" size={14} />
      </button>
      <button
        type="button"
        aria-label={`After each run: ${control}`}
        title={`After each run: ${control}`}
        onClick={() =>
          useEditor.getState().editGraph("Seed control", (graph) =>
            changeNode(graph, node.id, { control: { ...graph.nodes[node.id]?.control, [input.name]: next } }),
          )
        }
      >
        <Icon name={SIGNS[control]} size={14} />
      </button>
    </>
  );
}
