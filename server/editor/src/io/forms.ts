/** A workflow of any form as one of ours; foreign forms are converted by the server, which knows the classes. */

import { call } from "../api/client";
import { DocumentError, isDocument, readDocument } from "../graph/document";
import type { Workflow } from "../graph/model";
import { isObject, type Json } from "../json";

export async function readAnyForm(value: Json, name: string): Promise<Workflow> {
  if (isDocument(value)) return titled(readDocument(value), name);
  if (isObject(value)) {
    const inner = value["prompt"] ?? value["workflow"];
    if (inner !== undefined && isDocument(inner)) return titled(readDocument(inner), name);
    if (Array.isArray(value["nodes"])) return converted(value, name);
    if (isObject(inner) && Array.isArray(inner["nodes"])) return converted(inner, name);
  }
  throw new DocumentError(`${name} is no workflow that this editor knows: it should hold nodes with a class_type, or a list of nodes.`);
}

async function converted(value: Json, name: string): Promise<Workflow> {
  const answer = await call("POST", "v1/convert", { workflow: value, form: "document" });
  if (!isObject(answer) || !isObject(answer["workflow"])) throw new DocumentError(`${name} could not be converted.`);
  return titled(readDocument(answer["workflow"]), name);
}

function titled(workflow: Workflow, name: string): Workflow {
  return workflow.title === "Untitled" ? { ...workflow, title: name.replace(/\.(json|png|webp|jpe?g)$/i, "") } : workflow;
}
