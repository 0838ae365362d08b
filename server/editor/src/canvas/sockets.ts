/** Which sockets go together, and why not. */

import type { Connection } from "@xyflow/react";
import { defOf, type NodeDef } from "../api/nodeDefs";
import { connect, disconnect, refusal } from "../graph/ops";
import { compatible } from "../graph/types";
import { graphAt, linkId, type Graph, type Link } from "../graph/model";
import type { Sockets } from "../graph/subgraphs";
import { activeGraph, activeTab, useEditor } from "../state/editor";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { useGesture, type Dragged } from "./gesture";
import { inputHandle, inputOf, outputHandle, outputOf } from "./handles";

export function defOfId(id: string): NodeDef | undefined {
  const { workflow, path } = activeTab(useEditor.getState());
  const node = graphAt(workflow, path).nodes[id];
  return node && defOf(node, useServer.getState().defs, workflow);
}

/** The type of a socket, by the handle's name. */
export function socketType(id: string, handle: string): string {
  const def = defOfId(id);
  const output = outputOf(handle);
  if (output !== undefined) return def?.outputs[output]?.type ?? "*";
  const input = inputOf(handle);
  return def?.inputs.find((each) => each.name === input)?.type ?? "*";
}

/** The graph's sockets, for making sub-graphs. */
export const SOCKETS: Sockets = {
  outputType: (node, output) => socketType(node, outputHandle(output)),
  outputName: (node, output) => defOfId(node)?.outputs[output]?.name ?? `output_${output}`,
  inputType: (node, input) => socketType(node, inputHandle(input)),
};

export function linkOf({ source, target, sourceHandle, targetHandle }: Connection): Link | undefined {
  const output = outputOf(sourceHandle);
  const input = inputOf(targetHandle);
  return output === undefined || input === undefined ? undefined : { source, output, target, input };
}

/** The graph without the link that is held in the hand. */
function graphAtHand(): Graph {
  const graph = activeGraph(useEditor.getState());
  const { picked } = useGesture.getState();
  return picked === undefined ? graph : disconnect(graph, [picked]);
}

/** Why a link between two sockets cannot be; empty when it can. */
export function linkRefusal(connection: Connection): string {
  const link = linkOf(connection);
  if (!link) return "Links go from an output to an input.";
  return refusal(graphAtHand(), link, socketType(link.source, connection.sourceHandle ?? ""), socketType(link.target, connection.targetHandle ?? ""));
}

/** Put a link in, or say why not. One that was picked up goes from where it was. */
export function tryLink(connection: Connection): void {
  const link = linkOf(connection);
  const why = linkRefusal(connection);
  const { picked } = useGesture.getState();
  if (why || !link) {
    useUi.getState().toast(why);
    return;
  }
  if (picked === linkId(link.target, link.input) && sameLink(activeGraph(useEditor.getState()).links[picked], link)) return;
  useEditor.getState().editGraph(picked === undefined ? "Link" : "Move link", (graph) => connect(picked === undefined ? graph : disconnect(graph, [picked]), link));
}

function sameLink(a: Link | undefined, b: Link): boolean {
  return a?.source === b.source && a.output === b.output && a.target === b.target && a.input === b.input;
}

/** The first free socket of a node that takes a link: one of the very same type before one that takes anything. */
export function bodyFit(dragged: Dragged, id: string): Connection | undefined {
  const def = defOfId(id);
  if (!def || dragged.barred.has(id)) return undefined;
  if (dragged.side === "source") {
    const { links } = graphAtHand();
    const free = def.inputs.filter((input) => !(linkId(id, input.name) in links) && compatible(dragged.type, input.type));
    const input = free.find((each) => each.type === dragged.type && !each.widget) ?? free.find((each) => !each.widget) ?? free[0];
    return input && { source: dragged.node, sourceHandle: dragged.handle, target: id, targetHandle: inputHandle(input.name) };
  }
  const exact = def.outputs.findIndex((output) => output.type === dragged.type);
  const index = exact >= 0 ? exact : def.outputs.findIndex((output) => compatible(output.type, dragged.type));
  return index < 0 ? undefined : { source: id, sourceHandle: outputHandle(index), target: dragged.node, targetHandle: dragged.handle };
}

/** Through which of its sockets a class could stand in the middle of a link. */
export function between(def: NodeDef, from: string, to: string): { readonly input: string; readonly output: number } | undefined {
  const takes = def.inputs.filter((input) => compatible(from, input.type));
  const input = takes.find((each) => each.type === from && !each.widget) ?? takes.find((each) => !each.widget) ?? takes[0];
  const exact = def.outputs.findIndex((output) => output.type === to);
  const output = exact >= 0 ? exact : def.outputs.findIndex((each) => compatible(each.type, to));
  return input && output >= 0 ? { input: input.name, output } : undefined;
}

/** The types at the two ends of a link. */
export function endsOf(link: Link): readonly [string, string] {
  return [socketType(link.source, outputHandle(link.output)), socketType(link.target, inputHandle(link.input))];
}
