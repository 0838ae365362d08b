/** Opening what people bring: our documents, graphs, ComfyUI's files, pictures that carry a workflow. */

import { ApiError, call } from "../api/client";
import { DocumentError, isDocument, readDocument } from "../graph/document";
import { isObject, parseJson, type Json } from "../json";
import type { Point, Workflow } from "../graph/model";
import { useEditor } from "../state/editor";
import { useUi } from "../state/ui";
import { readTexts } from "./metadata";

/** A workflow of any form; foreign ones are converted by the server. */
export async function readAnyForm(value: Json, name: string): Promise<Workflow> {
  if (isDocument(value)) return titled(readDocument(value), name);
  if (isObject(value) && isDocument(value["prompt"] ?? null)) return titled(readDocument(value["prompt"]!), name);
  if (isObject(value) && Array.isArray(value["nodes"])) {
    const answer = await call("POST", "v1/convert", { workflow: value, form: "document" });
    if (isObject(answer) && isObject(answer["workflow"])) return titled(readDocument(answer["workflow"]), name);
  }
  throw new DocumentError(`${name} is no workflow that this editor knows.`);
}

function titled(workflow: Workflow, name: string): Workflow {
  return workflow.title === "Untitled" ? { ...workflow, title: name.replace(/\.(json|png|webp|jpe?g)$/i, "") } : workflow;
}

export async function readFile(file: File): Promise<Workflow> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const texts = readTexts(bytes);
  if (texts) {
    const found = texts["safelight"] ?? texts["workflow"] ?? texts["prompt"];
    if (found === undefined) throw new DocumentError(`${file.name} carries no workflow.`);
    return readAnyForm(parseJson(found), file.name);
  }
  let value: Json;
  try {
    value = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new DocumentError(`${file.name} is neither JSON nor a picture with a workflow.`);
  }
  return readAnyForm(value, file.name);
}

export async function openFile(file: File): Promise<void> {
  try {
    useEditor.getState().open(await readFile(file));
  } catch (error) {
    const text = error instanceof DocumentError || error instanceof ApiError ? error.message : `${file.name} cannot be read.`;
    useUi.getState().toast(text, "error");
  }
}

/** What was dropped on the canvas. */
export async function openDropped(data: DataTransfer, _at: Point): Promise<void> {
  for (const file of [...data.files]) await openFile(file);
}
