/** The graph on React Flow: what is drawn follows the workflow, and gestures become edits. */

import {
  Background,
  BackgroundVariant,
  MiniMap,
  ReactFlow,
  SelectionMode,
  useReactFlow,
  useStore,
  type Connection,
  type EdgeChange,
  type FinalConnectionState,
  type NodeChange,
} from "@xyflow/react";
import { useCallback, useEffect, useRef, type DragEvent, type MouseEvent } from "react";
import { defOf } from "../api/nodeDefs";
import { connect, disconnect, moveNodes, putGroup, refusal } from "../graph/ops";
import { graphAt, type Graph, type Link, type Point } from "../graph/model";
import { activeGraph, activeTab, useEditor, useTab } from "../state/editor";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { openDropped } from "../io/open";
import { inputOf, outputOf } from "./handles";
import { FarLayer } from "./FarLayer";
import { GroupNode } from "./GroupNode";
import { LinkEdge } from "./LinkEdge";
import { NoteNode } from "./NoteNode";
import { OpNode } from "./OpNode";
import { useDrawing, type FlowEdge, type FlowNode } from "./drawing";

const NODE_TYPES = { op: OpNode, group: GroupNode, note: NoteNode };
const EDGE_TYPES = { link: LinkEdge };

/** Below the first zoom nodes are boxes drawn on one canvas; above the second only what is seen is mounted. */
const FAR = 0.25;
const NEAR = 0.4;
/** As few nodes as this are mounted at any zoom: it costs nothing. */
const FEW = 60;

export function Canvas() {
  const { nodes, edges, change, changeEdges } = useDrawing();
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const tab = useTab((each) => each.id);
  const path = useTab((each) => each.path.join("/"));
  const minimap = useUi((state) => state.minimap);
  const theme = useUi((state) => state.theme);
  const detail = useStore((state) => (state.transform[2] < FAR ? "far" : state.transform[2] < NEAR ? "middle" : "near"));
  const many = nodes.length > FEW;
  const lastClick = useRef({ at: 0, x: 0, y: 0 });

  useEffect(() => {
    const viewport = activeTab(useEditor.getState()).workflow.viewport;
    if (viewport && !path) void flow.setViewport({ x: viewport.pos[0], y: viewport.pos[1], zoom: viewport.zoom });
    else void flow.fitView({ padding: 0.15, maxZoom: 1 });
  }, [flow, tab, path]);

  const onConnect = useCallback((connection: Connection) => tryLink(connection), []);

  const onConnectEnd = useCallback(
    (event: globalThis.MouseEvent | TouchEvent, state: FinalConnectionState) => {
      if (state.isValid || !state.fromHandle || !state.fromNode) return;
      const point = "changedTouches" in event ? event.changedTouches[0]! : event;
      const target = event.target instanceof Element ? event.target : null;
      if (target?.closest(".react-flow__node")) {
        const why = refusalOf(state);
        if (why) useUi.getState().toast(why, "info");
        return;
      }
      const type = socketType(state.fromNode.id, state.fromHandle.id ?? "");
      const { clientX: x, clientY: y } = point;
      useUi.getState().set({
        search: {
          screen: { x, y },
          flow: flow.screenToFlowPosition({ x, y }),
          from: { node: state.fromNode.id, type, direction: state.fromHandle.type, handle: state.fromHandle.id ?? "" },
        },
      });
    },
    [flow],
  );

  const onPaneClick = useCallback(
    (event: MouseEvent) => {
      const { clientX: x, clientY: y, timeStamp } = event;
      const { at, x: lastX, y: lastY } = lastClick.current;
      lastClick.current = { at: timeStamp, x, y };
      if (timeStamp - at < 400 && Math.hypot(x - lastX, y - lastY) < 8)
        useUi.getState().set({ search: { screen: { x, y }, flow: flow.screenToFlowPosition({ x, y }) } });
    },
    [flow],
  );

  const onDrop = useCallback(
    (event: DragEvent) => {
      event.preventDefault();
      const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
      void openDropped(event.dataTransfer, [at.x, at.y]);
    },
    [flow],
  );

  return (
    <div className="canvas" data-detail={detail} onDragOver={(event) => event.preventDefault()} onDrop={onDrop}>
      <ReactFlow<FlowNode, FlowEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={change as (changes: NodeChange<FlowNode>[]) => void}
        onEdgesChange={changeEdges as (changes: EdgeChange<FlowEdge>[]) => void}
        onConnect={onConnect}
        onConnectEnd={onConnectEnd}
        onReconnect={(edge, connection) => relink(edge.id, connection)}
        onReconnectEnd={(_event, edge, _handle, state) => {
          if (!state.isValid && !state.toHandle) useEditor.getState().editGraph("Cut link", (graph) => disconnect(graph, [edge.id]));
        }}
        onNodeDragStop={(_event, _node, moved) => commitMoves(moved)}
        onPaneClick={onPaneClick}
        onNodeDoubleClick={(_event, node) => enterSubgraph(node.id)}
        isValidConnection={(connection) => !linkRefusal(connection as Connection)}
        onMoveEnd={(_event, { x, y, zoom }) => rememberViewport([x, y], zoom)}
        onlyRenderVisibleElements={many && detail === "near"}
        colorMode={theme}
        minZoom={0.05}
        maxZoom={2.5}
        snapToGrid
        snapGrid={[8, 8]}
        zoomOnDoubleClick={false}
        selectionMode={SelectionMode.Partial}
        multiSelectionKeyCode={["Shift", "Meta", "Control"]}
        deleteKeyCode={null}
        disableKeyboardA11y={false}
        edgesFocusable={false}
        elevateNodesOnSelect
        connectionRadius={28}
        proOptions={{ hideAttribution: true }}
        aria-label="Workflow graph"
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.2} />
        {many && detail === "far" ? <FarLayer /> : null}
        {minimap ? <MiniMap pannable zoomable ariaLabel="Map of the graph" nodeStrokeWidth={2} nodeBorderRadius={4} /> : null}
      </ReactFlow>
    </div>
  );
}

/** Why a link between two sockets cannot be; empty when it can. */
export function linkRefusal(connection: Connection): string {
  const graph = activeGraph(useEditor.getState());
  const link = linkOf(connection);
  if (!link) return "Links go from an output to an input.";
  return refusal(graph, link, socketType(link.source, connection.sourceHandle ?? ""), socketType(link.target, connection.targetHandle ?? ""));
}

export function tryLink(connection: Connection): void {
  const link = linkOf(connection);
  const why = linkRefusal(connection);
  if (why || !link) useUi.getState().toast(why, "info");
  else useEditor.getState().editGraph("Link", (graph) => connect(graph, link));
}

function relink(before: string, connection: Connection): void {
  const link = linkOf(connection);
  if (link && !linkRefusal(connection))
    useEditor.getState().editGraph("Move link", (graph) => connect(disconnect(graph, [before]), link));
}

function linkOf({ source, target, sourceHandle, targetHandle }: Connection): Link | undefined {
  const output = outputOf(sourceHandle);
  const input = inputOf(targetHandle);
  return output === undefined || input === undefined ? undefined : { source, output, target, input };
}

function refusalOf({ fromNode, fromHandle, toNode, toHandle }: FinalConnectionState): string {
  if (!fromNode || !fromHandle || !toNode || !toHandle) return "";
  const [source, target] = fromHandle.type === "source" ? [fromHandle, toHandle] : [toHandle, fromHandle];
  return linkRefusal({
    source: source.nodeId,
    target: target.nodeId,
    sourceHandle: source.id ?? null,
    targetHandle: target.id ?? null,
  });
}

/** The type of a socket, by the handle's name. */
export function socketType(id: string, handle: string): string {
  const state = useEditor.getState();
  const { workflow, path } = activeTab(state);
  const node = graphAt(workflow, path).nodes[id];
  const def = node && defOf(node, useServer.getState().defs, workflow);
  const output = outputOf(handle);
  if (output !== undefined) return def?.outputs[output]?.type ?? "*";
  const input = inputOf(handle);
  return def?.inputs.find((each) => each.name === input)?.type ?? "*";
}

function commitMoves(moved: readonly FlowNode[]): void {
  const positions: Record<string, Point> = {};
  const groups: Record<string, Point> = {};
  for (const { id, type, position } of moved) (type === "group" ? groups : positions)[id] = [position.x, position.y];
  useEditor.getState().editGraph("Move", (graph) => moveGroups(moveNodes(graph, positions), groups));
}

/** A group takes along what lies in it. */
function moveGroups(graph: Graph, groups: Readonly<Record<string, Point>>): Graph {
  let changed = graph;
  for (const [id, [x, y]] of Object.entries(groups)) {
    const group = changed.groups[id];
    if (!group) continue;
    const [left, top, width, height] = group.bounding;
    const inside = ({ pos }: { pos: Point }) => pos[0] >= left && pos[0] < left + width && pos[1] >= top && pos[1] < top + height;
    const positions: Record<string, Point> = {};
    for (const each of [...Object.values(graph.nodes), ...Object.values(graph.notes)])
      if (inside(each)) positions[each.id] = [each.pos[0] + x - left, each.pos[1] + y - top];
    changed = putGroup(moveNodes(changed, positions), { ...group, bounding: [x, y, width, height] });
  }
  return changed;
}

function enterSubgraph(id: string): void {
  const state = useEditor.getState();
  const { workflow, path } = activeTab(state);
  const node = graphAt(workflow, path).nodes[id];
  const definition = node?.classType.startsWith("subgraph:") ? node.classType.slice("subgraph:".length) : undefined;
  if (definition && workflow.subgraphs[definition]) state.enter([...path, definition]);
}

/** Where one looks is kept with the workflow, and is no step that could be undone. */
function rememberViewport(pos: Point, zoom: number): void {
  const { tabs, active } = useEditor.getState();
  if (activeTab({ tabs, active }).path.length) return;
  const viewport = { pos: [Math.round(pos[0]), Math.round(pos[1])] as const, zoom: Math.round(zoom * 1000) / 1000 };
  useEditor.setState({
    tabs: tabs.map((tab) => (tab.id === active ? { ...tab, workflow: { ...tab.workflow, viewport } } : tab)),
  });
}
