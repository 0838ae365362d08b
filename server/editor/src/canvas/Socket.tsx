/** Sockets: where links begin and end. */

import { Handle, Position, useNodeId } from "@xyflow/react";
import type { CSSProperties, MouseEvent } from "react";
import type { Problem } from "../api/client";
import type { InputDef, OutputDef } from "../api/nodeDefs";
import { linkId } from "../graph/model";
import { colorOf, shapeOf } from "../graph/types";
import { activeGraph, useEditor } from "../state/editor";
import { elementOf } from "./flow";
import { fitness, useGesture, type Side } from "./gesture";
import { inputHandle, inputOf, outputHandle } from "./handles";

interface SocketProps {
  readonly id: string;
  readonly type: string;
  readonly side: Side;
  readonly list?: boolean;
  readonly label: string;
}

export function SocketHandle({ id, type, side, list = false, label }: SocketProps) {
  const node = useNodeId() ?? "";
  const fit = useGesture((state) => fitness(state.dragged, node, id, side, type));
  return (
    <Handle
      id={id}
      type={side}
      position={side === "source" ? Position.Right : Position.Left}
      className={`socket-handle ${shapeOf(type)}`}
      data-list={list || undefined}
      data-fit={fit}
      role="button"
      tabIndex={-1}
      aria-label={fit === "yes" ? `${label}, fits` : label}
      style={{ "--socket": colorOf(type) } as CSSProperties}
      onMouseDownCapture={side === "target" ? (event) => pickUp(event, node, id) : undefined}
    />
  );
}

/** A linked input gives its link into the hand: the drag goes on from the output at the other end. */
function pickUp(event: MouseEvent, node: string, handle: string): void {
  const key = linkId(node, inputOf(handle) ?? "");
  const link = activeGraph(useEditor.getState()).links[key];
  const other = link && elementOf(link.source)?.querySelector(`[data-handleid="${CSS.escape(outputHandle(link.output))}"]`);
  if (event.button !== 0 || !other) return;
  event.stopPropagation();
  event.preventDefault();
  useGesture.setState({ picked: key });
  window.addEventListener("pointerup", () => setTimeout(() => useGesture.setState({ picked: undefined })), { once: true });
  const { clientX, clientY } = event;
  other.dispatchEvent(new globalThis.MouseEvent("mousedown", { bubbles: true, cancelable: true, button: 0, buttons: 1, clientX, clientY, view: window }));
}

export function InputSocket({ input, problem }: { input: InputDef; problem: Problem | undefined }) {
  const bad = problem?.severity === "error";
  return (
    <div className="socket in" data-input={input.name} data-required={input.required || undefined} data-bad={bad || undefined} title={problem?.message ?? `${input.name}: ${input.type}${input.tooltip ? `\n${input.tooltip}` : ""}`}>
      <SocketHandle id={inputHandle(input.name)} type={input.type} side="target" label={`Input ${input.name}, ${input.type}`} />
      <span>{input.name}</span>
      {bad ? <em className="why">{problem.code === "required_input_missing" ? "needs a link" : problem.message}</em> : null}
    </div>
  );
}

export function OutputSocket({ output, index }: { output: OutputDef; index: number }) {
  return (
    <div className="socket out" data-output={index} title={`${output.name}: ${output.type}${output.list ? ", a list" : ""}${output.tooltip ? `\n${output.tooltip}` : ""}`}>
      <span>{output.name}</span>
      <SocketHandle id={outputHandle(index)} type={output.type} side="source" list={output.list} label={`Output ${output.name}, ${output.type}`} />
    </div>
  );
}
