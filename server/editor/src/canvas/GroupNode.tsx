/** A frame behind nodes, with a title. */

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
    <section className="group" style={{ borderColor: group.color, background: group.color ? `${group.color}22` : undefined }} aria-label={`Group ${group.title}`}>
      <NodeResizer
        isVisible={selected ?? false}
        minWidth={120}
        minHeight={80}
        onResizeEnd={(_event, { x, y, width, height }) =>
          editGraph("Resize group", (graph) => putGroup(graph, { ...group, bounding: [x, y, width, height] }))
        }
      />
      <input
        className="group-title nodrag"
        aria-label="Group title"
        value={group.title}
        placeholder="Group"
        onChange={(event) => editGraph("Rename group", (graph) => putGroup(graph, { ...group, title: event.target.value }), `group ${id}`)}
      />
    </section>
  );
});
