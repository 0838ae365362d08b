/** A note on the canvas: a small Markdown, shown as such unless somebody writes. */

import { NodeResizer, type NodeProps } from "@xyflow/react";
import { memo, useState } from "react";
import { putNote } from "../graph/ops";
import { useEditor, useGraph } from "../state/editor";
import { Markdown } from "../ui/Markdown";
import { elementOf } from "./flow";
import type { FlowNode } from "./drawing";

export const NoteNode = memo(function NoteNode({ id, selected }: NodeProps<FlowNode>) {
  const note = useGraph((graph) => graph.notes[id]);
  const [writing, setWriting] = useState(note?.text === "");
  if (!note) return null;
  const { editGraph } = useEditor.getState();
  return (
    <div className="note" data-selected={selected || undefined} onDoubleClick={() => setWriting(true)}>
      <NodeResizer
        isVisible={selected ?? false}
        minWidth={120}
        minHeight={60}
        onResizeEnd={(_event, { x, y, width, height }) =>
          editGraph("Resize note", (graph) => putNote(graph, { ...note, pos: [Math.round(x), Math.round(y)], size: [Math.round(width), Math.round(height)] }))
        }
      />
      {writing ? (
        <textarea
          autoFocus
          className="nodrag nowheel"
          aria-label="Note, in Markdown"
          value={note.text}
          placeholder="A note. **Bold**, *italic*, `code`, # heading, - list, [words](https://…)"
          onChange={(event) => editGraph("Write note", (graph) => putNote(graph, { ...note, text: event.target.value }), `note ${id}`)}
          onBlur={() => setWriting(false)}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.preventDefault();
            event.stopPropagation();
            setWriting(false);
            elementOf(id)?.focus({ preventScroll: true });
          }}
        />
      ) : (
        <div className="note-text nowheel" onClick={(event) => (event.detail === 0 ? setWriting(true) : undefined)}>
          {note.text.trim() ? <Markdown text={note.text} /> : <p className="dim">Double click to write</p>}
        </div>
      )}
    </div>
  );
});
