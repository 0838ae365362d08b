/** The corner of the canvas: the map, and how near one looks. */

import { MiniMap, useStore } from "@xyflow/react";
import { useCallback } from "react";
import { command } from "../app/commands";
import { shownKey } from "../app/shownKey";
import { defOf } from "../api/nodeDefs";
import { colorOf } from "../graph/types";
import { useGraph, useTab } from "../state/editor";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { Icon } from "../ui/icons";
import type { FlowNode } from "./drawing";

export function View() {
  const minimap = useUi((state) => state.minimap);
  return (
    <>
      {minimap ? <Map /> : null}
      <div className="view-buttons" role="group" aria-label="View">
        <ViewButton id="zoom-out" />
        <Zoom />
        <ViewButton id="zoom-in" />
        <ViewButton id="fit" />
        <ViewButton id="minimap" pressed={minimap} />
      </div>
    </>
  );
}

function Zoom() {
  const zoom = useStore((state) => Math.round(state.transform[2] * 100));
  return <output aria-label="Zoom">{zoom} %</output>;
}

function ViewButton({ id, pressed }: { id: string; pressed?: boolean }) {
  const { title, keys, icon, run } = command(id);
  return (
    <button type="button" aria-label={title} aria-pressed={pressed} title={keys?.[0] ? `${title} (${shownKey(keys[0])})` : title} onClick={run}>
      <Icon name={icon ?? "fit"} />
    </button>
  );
}

/** Nodes in their own colour, or in that of what they give. */
function Map() {
  const graph = useGraph((each) => each);
  const subgraphs = useTab((tab) => tab.workflow);
  const defs = useServer((state) => state.defs);
  const color = useCallback(
    ({ id }: FlowNode) => {
      const node = graph.nodes[id];
      if (!node) return graph.groups[id] ? "#8882" : "var(--warn)";
      const first = defOf(node, defs, subgraphs)?.outputs[0];
      return node.color ?? (first ? colorOf(first.type) : "var(--dim)");
    },
    [graph, defs, subgraphs],
  );
  return <MiniMap<FlowNode> pannable zoomable ariaLabel="Map of the graph" nodeColor={color} nodeStrokeWidth={0} nodeBorderRadius={6} />;
}
