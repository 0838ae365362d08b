/** Beside the pointer, while a link is drawn: why it cannot end here, or where it would go. */

import { useConnection } from "@xyflow/react";
import { useEffect, useState } from "react";
import { Icon } from "../ui/icons";
import { useGesture, type Dragged } from "./gesture";
import { inputOf, outputOf } from "./handles";
import { bodyFit, defOfId, linkRefusal } from "./sockets";

interface Hint {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly refused: boolean;
}

export function LinkHint() {
  const dragged = useGesture((state) => (state.byKeys ? undefined : state.dragged));
  const onSocket = useConnection((connection) => {
    const { inProgress, isValid, fromHandle, toHandle } = connection;
    if (!inProgress || !toHandle) return undefined;
    if (isValid) return "";
    const [source, target] = fromHandle.type === "source" ? [fromHandle, toHandle] : [toHandle, fromHandle];
    return linkRefusal({ source: source.nodeId, target: target.nodeId, sourceHandle: source.id ?? null, targetHandle: target.id ?? null });
  });
  const [at, setAt] = useState<{ x: number; y: number; node: string }>();
  useEffect(() => {
    if (!dragged) return;
    const move = (event: PointerEvent) => {
      const under = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>(".react-flow__node-op");
      setAt({ x: event.clientX, y: event.clientY, node: under?.dataset["id"] ?? "" });
    };
    window.addEventListener("pointermove", move);
    return () => {
      window.removeEventListener("pointermove", move);
      setAt(undefined);
    };
  }, [dragged]);
  const hint = dragged && at ? hintOf(dragged, at, onSocket) : undefined;
  if (!hint) return null;
  return (
    <div className="link-hint" role="status" data-refused={hint.refused || undefined} style={{ left: Math.min(hint.x + 16, window.innerWidth - 260), top: hint.y + 16 }}>
      <Icon name={hint.refused ? "refuse" : "check"} size={13} /> {hint.text}
    </div>
  );
}

function hintOf(dragged: Dragged, at: { x: number; y: number; node: string }, onSocket: string | undefined): Hint | undefined {
  const { x, y } = at;
  if (onSocket) return { x, y, text: onSocket, refused: true };
  if (onSocket === "" || !at.node || at.node === dragged.node) return undefined;
  const fit = bodyFit(dragged, at.node);
  if (!fit) {
    const text = dragged.barred.has(at.node) ? "This link would close a circle." : `No free ${dragged.side === "source" ? "input takes" : "output gives"} ${dragged.type}.`;
    return { x, y, text, refused: true };
  }
  const name = dragged.side === "source" ? inputOf(fit.targetHandle) : defOfId(at.node)?.outputs[outputOf(fit.sourceHandle) ?? 0]?.name;
  return { x, y, text: `to ${name}`, refused: false };
}
