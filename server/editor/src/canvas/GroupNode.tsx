/** A frame behind nodes, with a title; what lies in it moves along. */

import { NodeResizer, type NodeProps } from "@xyflow/react";
import { memo } from "react";
import { putGroup } from "../graph/ops";
import { useEditor, useGraph } from "../state/editor";
import type { FlowNode } from "./drawing";

export const GroupNode = memo(function GroupNode({ id, selected }: NodeProps<FlowNode>) {
  const group = useGraph((graph) => graph.groups[id]);
  if (!group) return null;
  const { editGraph } = useEditor.getState();
  return (
    <section className="group" data-selected={selected || undefined} style={group.color ? ({ "--group": group.color } as React.CSSProperties) : undefined}>
      <NodeResizer
        isVisible={selected ?? false}
        minWidth={120}
        minHeight={80}
        onResizeEnd={(_event, { x, y, width, height }) =>
          editGraph("Resize group", (graph) => putGroup(graph, { ...group, bounding: [Math.round(x), Math.round(y), Math.round(width), Math.round(height)] }))
        }
      />
      <input
        className="group-title nodrag"
        aria-label="Group title"
        value={group.title}
        placeholder="Group"
        size={Math.max(6, group.title.length)}
        onChange={(event) => editGraph("Rename group", (graph) => putGroup(graph, { ...group, title: event.target.value }), `group ${id}`)}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.closest<HTMLElement>(".react-flow__node")?.focus();
        }}
      />
    </section>
  );
});
