/** Opening what people bring: our documents, graphs, ComfyUI's files, pictures that carry a workflow. */

import { ApiError } from "../api/client";
import { defOf, type NodeDef } from "../api/nodeDefs";
import { uploadImage } from "../api/upload";
import { addNode } from "../canvas/AddSearch";
import { DocumentError } from "../graph/document";
import { SUBGRAPH, type Point, type Workflow } from "../graph/model";
import { setValue } from "../graph/ops";
import { parseJson, type Json } from "../json";
import { activeGraph, activeTab, useEditor } from "../state/editor";
import { useServer } from "../state/server";
import { useUi } from "../state/ui";
import { readAnyForm } from "./forms";
import { readTexts } from "./metadata";

export { readAnyForm } from "./forms";

/** What the palette gives to a drag. */
export const NODE_CLASS = "application/x-safelight-node";

/** Pictures that carry several forms: the fullest first. */
const TEXTS = ["safelight", "workflow", "prompt"] as const;

/** A picture without a workflow is no mistake of anybody's: it can be loaded instead. */
class NoWorkflow extends DocumentError {}

export async function readFile(file: File): Promise<Workflow> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let texts: Record<string, string> | undefined;
  try {
    texts = readTexts(bytes);
  } catch {
    throw new DocumentError(`${file.name} is damaged: what it says about itself cannot be read.`);
  }
  if (texts) return readPicture(texts, file.name);
  let value: Json;
  try {
    value = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const why = file.name.endsWith(".json") && error instanceof SyntaxError ? ` ${error.message}.` : "";
    throw new DocumentError(`${file.name} is neither JSON nor a picture with a workflow.${why}`);
  }
  return readAnyForm(value, file.name);
}

async function readPicture(texts: Readonly<Record<string, string>>, name: string): Promise<Workflow> {
  let failure: unknown;
  for (const key of TEXTS) {
    const text = texts[key];
    if (text === undefined) continue;
    try {
      return await readAnyForm(parseJson(text), name);
    } catch (error) {
      failure ??= error instanceof SyntaxError ? new DocumentError(`${name}: the workflow that it carries is damaged.`) : error;
    }
  }
  if (failure) throw failure;
  const hint = "parameters" in texts ? " Its settings are there as words, which cannot be opened." : "";
  throw new NoWorkflow(`${name} carries no workflow.${hint}`);
}

/** Open a file in a tab of its own; a picture without a workflow becomes a node at the place, where there is one. */
async function openFile(file: File, at?: Point): Promise<void> {
  try {
    const workflow = await readFile(file);
    useEditor.getState().open(workflow);
    tellStrangers(workflow);
  } catch (error) {
    if (error instanceof NoWorkflow && at) await loadPicture(file, at);
    else useUi.getState().toast(whyNot(file.name, error), "error");
  }
}

function whyNot(name: string, error: unknown): string {
  if (!(error instanceof DocumentError || error instanceof ApiError)) return `${name} cannot be read.`;
  return error.message.includes(name) ? error.message : `${name}: ${error.message}`;
}

/** Say which classes are not installed here. */
export function tellStrangers(workflow: Workflow): void {
  const { defs, defsState } = useServer.getState();
  if (defsState !== "ready") return;
  const graphs = [workflow.graph, ...Object.values(workflow.subgraphs).map((each) => each.graph)];
  const classes = new Set(
    graphs.flatMap((graph) => Object.values(graph.nodes)).map((node) => node.classType).filter((name) => !name.startsWith(SUBGRAPH) && !(name in defs)),
  );
  if (!classes.size) return;
  const some = [...classes].slice(0, 4).join(", ");
  const more = classes.size > 4 ? ` and ${classes.size - 4} more` : "";
  useUi.getState().toast(`Not installed here: ${some}${more}. These nodes are kept as they are.`);
}

/** What was dropped on the canvas, or pasted. */
export async function openDropped(data: DataTransfer, at: Point): Promise<void> {
  const classType = data.getData(NODE_CLASS);
  if (classType) {
    const def = useServer.getState().defs[classType];
    if (def) addNode(def, at);
    return;
  }
  await openFiles([...data.files], at);
}

/** Files at a place: a picture goes to the node there that takes one; what carries a workflow is opened. */
export async function openFiles(files: readonly File[], at?: Point): Promise<void> {
  for (const file of files) {
    const isPicture = file.type.startsWith("image/");
    const taker = isPicture && at ? pictureTaker(at) : undefined;
    if (taker) await givePicture(taker.id, taker.input, file);
    else await openFile(file, isPicture ? at : undefined);
  }
}

/** The node at a place that takes an uploaded picture. */
function pictureTaker([x, y]: Point): { id: string; input: string } | undefined {
  const { workflow } = activeTab(useEditor.getState());
  const { defs } = useServer.getState();
  for (const node of Object.values(activeGraph(useEditor.getState()).nodes).reverse()) {
    const input = uploadInput(defOf(node, defs, workflow));
    const box = input && document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(node.id)}"]`);
    if (!input || !box) continue;
    const [left, top] = node.pos;
    if (x >= left && x <= left + box.offsetWidth && y >= top && y <= top + box.offsetHeight) return { id: node.id, input };
  }
  return undefined;
}

function uploadInput(def: NodeDef | undefined): string | undefined {
  return def?.inputs.find(({ widget }) => widget?.kind === "combo" && widget.upload)?.name;
}

async function givePicture(id: string, input: string, file: File): Promise<void> {
  try {
    const name = await uploadImage(file);
    await useServer.getState().loadDefs();
    useEditor.getState().editGraph(`Change ${input}`, (graph) => setValue(graph, id, input, name));
  } catch (error) {
    useUi.getState().toast(error instanceof Error ? error.message : String(error), "error");
  }
}

/** A picture without a workflow becomes a node that loads it. */
async function loadPicture(file: File, at: Point): Promise<void> {
  const def = useServer.getState().defs["LoadImage"];
  const input = uploadInput(def);
  if (!def || !input) {
    useUi.getState().toast(`${file.name} carries no workflow.`, "error");
    return;
  }
  const id = addNode(def, at);
  await givePicture(id, input, file);
  useUi.getState().toast(`${file.name} carries no workflow; a node that loads it was added.`);
}

/** Asks for files, and opens them. */
export function chooseFiles(): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.accept = ".json,.png,.webp,.jpg,.jpeg,application/json,image/png,image/webp,image/jpeg";
  input.onchange = () => void openFiles([...(input.files ?? [])]);
  input.click();
}
