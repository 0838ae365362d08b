/** A note on the canvas. */

import { NodeResizer, type NodeProps } from "@xyflow/react";
import { memo } from "react";
import { putNote } from "../graph/ops";
import { useEditor, useGraph } from "../state/editor";
import type { FlowNode } from "./drawing";

export const NoteNode = memo(function NoteNode({ id, selected }: NodeProps<FlowNode>) {
  const note = useGraph((graph) => graph.notes[id]);
  if (!note) return null;
  const { editGraph } = useEditor.getState();
  return (
    <div className="note">
      <NodeResizer
        isVisible={selected ?? false}
        minWidth={120}
        minHeight={60}
        onResizeEnd={(_event, { x, y, width, height }) =>
          editGraph("Resize note", (graph) => putNote(graph, { ...note, pos: [x, y], size: [width, height] }))
        }
      />
      <textarea
        className="nodrag nowheel"
        aria-label="Note"
        value={note.text}
        placeholder="A note…"
        onChange={(event) => editGraph("Write note", (graph) => putNote(graph, { ...note, text: event.target.value }), `note ${id}`)}
      />
    </div>
  );
});
