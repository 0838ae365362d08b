/** The graph on React Flow: what is drawn follows the workflow, and gestures become edits. */

import {
  Background,
  BackgroundVariant,
  ReactFlow,
  SelectionMode,
  useReactFlow,
  useStore,
  useStoreApi,
  type Connection,
  type EdgeChange,
  type FinalConnectionState,
  type NodeChange,
} from "@xyflow/react";
import { useCallback, useEffect, useRef, type DragEvent, type MouseEvent } from "react";
import type { Point } from "../graph/model";
import { colorOf } from "../graph/types";
import { activeTab, useEditor, useTab } from "../state/editor";
import { useUi } from "../state/ui";
import { openDropped } from "../io/open";
import { disconnect } from "../graph/ops";
import { addPoint, enterSub, rename } from "./actions";
import { listenToClipboard } from "./clipboard";
import { dragging, dragStarted, dropped } from "./dragging";
import { setFlow, setPointer, toGraph } from "./flow";
import { useDetail } from "./detail";
import { begin, end, useGesture } from "./gesture";
import { Crumbs } from "./Crumbs";
import { FarLayer } from "./FarLayer";
import { GroupNode } from "./GroupNode";
import { LinkEdge } from "./LinkEdge";
import { LinkHint } from "./LinkHint";
import { listenToArrivals, onCanvasKeyDown } from "./linking";
import { canvasMenu, linkMenu, nodeMenu, selectionMenu } from "./menus";
import { NoteNode } from "./NoteNode";
import { OpNode } from "./OpNode";
import { bodyFit, linkRefusal, tryLink } from "./sockets";
import { View } from "./View";
import { useDrawing, type FlowEdge, type FlowNode } from "./drawing";

const NODE_TYPES = { op: OpNode, group: GroupNode, note: NoteNode };
const EDGE_TYPES = { link: LinkEdge };

/** Below the first zoom nodes are boxes drawn on one canvas, and empty in the page; below the second, without widgets. */
const FAR = 0.25;
const NEAR = 0.4;
/** As few nodes as this are mounted at any zoom: it costs nothing. */
const FEW = 60;

const NO_EDGES: FlowEdge[] = [];

const detailAt = (zoom: number) => (zoom < FAR ? "far" : zoom < NEAR ? "middle" : "near");

export function Canvas() {
  const { nodes, edges, change, changeEdges } = useDrawing();
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const tab = useTab((each) => each.id);
  const path = useTab((each) => each.path.join("/"));
  const theme = useUi((state) => state.theme);
  const detail = useStore((state) => detailAt(state.transform[2]));
  const dragged = useGesture((state) => state.dragged?.type);
  const many = nodes.length > FEW;
  const far = many && detail === "far";
  const store = useStoreApi();
  const box = useRef<HTMLDivElement>(null);
  const lastClick = useRef({ at: 0, x: 0, y: 0 });

  useEffect(() => {
    const viewport = activeTab(useEditor.getState()).workflow.viewport;
    if (viewport && !path) void flow.setViewport({ x: viewport.pos[0], y: viewport.pos[1], zoom: viewport.zoom });
    else void flow.fitView({ padding: 0.15, maxZoom: 1 });
  }, [flow, tab, path]);

  useEffect(() => setFlow(flow), [flow]);
  useEffect(() => {
    // Before React draws anything for the new zoom, so that what comes into view is drawn as it is to be.
    const follow = () => useDetail.setState({ far: many && detailAt(store.getState().transform[2]) === "far" });
    follow();
    return store.subscribe(follow);
  }, [store, many]);
  useEffect(listenToClipboard, []);
  useEffect(() => {
    const element = box.current;
    element?.addEventListener("keydown", onCanvasKeyDown);
    return () => element?.removeEventListener("keydown", onCanvasKeyDown);
  }, []);
  useEffect(() => (box.current ? listenToArrivals(box.current) : undefined), []);

  const onConnectEnd = useCallback((event: globalThis.MouseEvent | TouchEvent, state: FinalConnectionState) => {
    const { dragged, picked } = useGesture.getState();
    if (!state.isValid && dragged) {
      const { clientX: x, clientY: y } = "changedTouches" in event ? event.changedTouches[0]! : event;
      const under = document.elementFromPoint(x, y);
      const node = under?.closest<HTMLElement>(".react-flow__node-op")?.dataset["id"];
      const fit = node === undefined || state.toHandle ? undefined : bodyFit(dragged, node);
      if (fit) tryLink(fit);
      else if (picked !== undefined && node === undefined) {
        useEditor.getState().editGraph("Cut link", (graph) => disconnect(graph, [picked]));
      } else if (node === undefined && under?.closest(".canvas")) {
        const [left, top] = toGraph(x, y);
        const from = { node: dragged.node, type: dragged.type, direction: dragged.side, handle: dragged.handle };
        useUi.getState().set({ search: { screen: { x, y }, flow: { x: left, y: top }, from } });
      }
    }
    end();
  }, []);

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
    <div
      ref={box}
      className="canvas"
      data-detail={many ? detail : "near"}
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
      onPointerMove={(event) => setPointer({ x: event.clientX, y: event.clientY })}
      onPointerLeave={() => setPointer(undefined)}
    >
      <ReactFlow<FlowNode, FlowEdge>
        nodes={nodes}
        edges={far ? NO_EDGES : edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={change as (changes: NodeChange<FlowNode>[]) => void}
        onEdgesChange={changeEdges as (changes: EdgeChange<FlowEdge>[]) => void}
        onConnect={tryLink}
        onConnectStart={(_event, { nodeId, handleId, handleType }) => {
          if (nodeId && handleId && handleType) begin(nodeId, handleId, handleType);
        }}
        onConnectEnd={onConnectEnd}
        onNodeDragStart={dragStarted}
        onNodeDrag={dragging}
        onNodeDragStop={dropped}
        onSelectionDragStart={(event, moved) => dragStarted(event, moved[0]!, moved)}
        onSelectionDragStop={(event, moved) => dropped(event, moved[0]!, moved)}
        onPaneClick={onPaneClick}
        onNodeClick={(event, { id }) => {
          if (!event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey) useEditor.getState().select([id]);
        }}
        onNodeDoubleClick={(event, { id }) => {
          const target = event.target instanceof Element ? event.target : undefined;
          if (!enterSub(id) && target?.closest(".op-head")) rename(id);
        }}
        onEdgeMouseEnter={(_event, edge) => hover(edge.id)}
        onEdgeMouseLeave={() => hover(undefined)}
        onEdgeDoubleClick={(event, edge) => addPoint(edge.id, toGraph(event.clientX, event.clientY))}
        onPaneContextMenu={(event) => {
          event.preventDefault();
          canvasMenu({ x: event.clientX, y: event.clientY });
        }}
        onNodeContextMenu={(event, { id }) => {
          const target = event.target instanceof Element ? event.target : undefined;
          if (target?.closest("textarea, input:not([readonly])")) {
            if (String(getSelection())) return;
          }
          event.preventDefault();
          const output = target?.closest<HTMLElement>("[data-output]")?.dataset["output"];
          const input = target?.closest<HTMLElement>("[data-input]")?.dataset["input"];
          nodeMenu(id, { x: event.clientX, y: event.clientY }, input, output === undefined ? undefined : Number(output));
        }}
        onEdgeContextMenu={(event, edge) => {
          event.preventDefault();
          linkMenu(edge.id, { x: event.clientX, y: event.clientY });
        }}
        onSelectionContextMenu={(event) => {
          event.preventDefault();
          selectionMenu({ x: event.clientX, y: event.clientY });
        }}
        isValidConnection={(connection) => !linkRefusal(connection as Connection)}
        onMoveEnd={(_event, { x, y, zoom }) => rememberViewport([x, y], zoom)}
        onlyRenderVisibleElements={many}
        colorMode={theme}
        minZoom={0.05}
        maxZoom={2.5}
        snapToGrid
        snapGrid={[8, 8]}
        zoomOnDoubleClick={false}
        selectionMode={SelectionMode.Partial}
        multiSelectionKeyCode={["Shift", "Meta", "Control"]}
        deleteKeyCode={null}
        panActivationKeyCode={null}
        disableKeyboardA11y
        edgesFocusable={false}
        elevateNodesOnSelect
        connectOnClick={false}
        connectionLineStyle={dragged === undefined ? undefined : { stroke: `color-mix(in oklab, ${colorOf(dragged)} var(--type-share), #000)` }}
        connectionRadius={28}
        proOptions={{ hideAttribution: true }}
        aria-label="Workflow graph"
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.2} />
        {far ? <FarLayer /> : null}
        <LinkHint />
        <View />
      </ReactFlow>
      <Crumbs />
      <Said />
    </div>
  );
}

/** What the keys did, for those who hear the page. */
function Said() {
  const said = useGesture((state) => state.said);
  return <p className="only-heard" role="status" aria-live="polite">{said}</p>;
}

let leaving: ReturnType<typeof setTimeout> | undefined;

/** A link stays lit for a moment, so that its button can be reached. */
export function hover(link: string | undefined): void {
  clearTimeout(leaving);
  if (useGesture.getState().dragged) return;
  if (link !== undefined) useGesture.setState({ hovered: link });
  else leaving = setTimeout(() => useGesture.setState({ hovered: undefined }), 250);
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
