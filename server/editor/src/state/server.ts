/** What the server has: its node classes, and what it says of the workflow that is looked at. */

import { create } from "zustand";
import { ApiError, call, type Problem } from "../api/client";
import { readNodeDefs, type NodeDefs } from "../api/nodeDefs";
import { writeDocument } from "../graph/document";
import type { Workflow } from "../graph/model";
import { isObject } from "../json";

export interface PlannedNode {
  readonly state: "cached" | "runs";
  readonly why: string;
  readonly seconds: number | undefined;
}

export interface Plan {
  readonly nodes: Readonly<Record<string, PlannedNode>>;
  readonly runs: number;
  readonly seconds: number;
  /** Nodes that run and were never timed. */
  readonly unknown: number;
}

interface ServerState {
  readonly defs: NodeDefs;
  readonly defsState: "loading" | "ready" | "failed";
  readonly defsError: string;
  readonly problems: readonly Problem[];
  readonly plan: Plan | undefined;
  loadDefs(): Promise<void>;
  /** Ask what is wrong with a workflow, and what running it would do; the latest question wins. */
  look(workflow: Workflow): Promise<void>;
}

let question = 0;

export const useServer = create<ServerState>()((set) => ({
  defs: {},
  defsState: "loading",
  defsError: "",
  problems: [],
  plan: undefined,
  async loadDefs() {
    try {
      set({ defs: readNodeDefs(await call("GET", "object_info")), defsState: "ready", defsError: "" });
    } catch (error) {
      set({ defsState: "failed", defsError: error instanceof ApiError ? error.message : String(error) });
    }
  },
  async look(workflow) {
    const mine = ++question;
    if (!Object.keys(workflow.graph.nodes).length) {
      set({ problems: [], plan: undefined });
      return;
    }
    const body = { workflow: writeDocument(workflow) };
    try {
      const answer = await call("POST", "v1/check", body);
      if (mine !== question) return;
      const sound = isObject(answer) && answer["sound"] === true;
      set({
        problems: isObject(answer) && Array.isArray(answer["problems"]) ? (answer["problems"] as unknown as Problem[]) : [],
        ...(!sound && { plan: undefined }),
      });
      if (!sound) return;
      const plan = readPlan(await call("POST", "v1/plan", body));
      if (mine === question) set({ plan });
    } catch {
      if (mine === question) set({ plan: undefined });
    }
  },
}));

export function readPlan(answer: unknown): Plan {
  const nodes: Record<string, PlannedNode> = {};
  let runs = 0;
  let unknown = 0;
  const list = isObject(answer) && Array.isArray(answer["nodes"]) ? answer["nodes"] : [];
  for (const each of list) {
    if (!isObject(each)) continue;
    const seconds = typeof each["seconds"] === "number" ? each["seconds"] : undefined;
    const state = each["state"] === "runs" ? "runs" : "cached";
    if (state === "runs") runs += 1;
    if (state === "runs" && seconds === undefined) unknown += 1;
    nodes[String(each["node"])] = { state, why: String(each["why"] ?? ""), seconds };
  }
  const seconds = isObject(answer) && typeof answer["seconds"] === "number" ? answer["seconds"] : 0;
  return { nodes, runs, seconds, unknown };
}

/** What is wrong with one node; inside sub-graphs problems carry the outer id first. */
export function problemsOf(problems: readonly Problem[], node: string): readonly Problem[] {
  return problems.filter((problem) => problem.node === node || problem.node.startsWith(`${node}:`));
}
