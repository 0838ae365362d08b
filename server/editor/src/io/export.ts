/** A workflow as files: our document, ComfyUI's two forms, a picture that carries it, and a Python script. */

import { call, request, viewUrl } from "../api/client";
import { writeDocument } from "../graph/document";
import type { Workflow } from "../graph/model";
import { isObject, toJson } from "../json";
import { activeTab, useEditor, type Tab } from "../state/editor";
import { useRuns } from "../state/runs";
import { useUi } from "../state/ui";
import { withTexts } from "./png";
import { blobOf, graphPicture } from "./thumbnail";

export type Form = "document" | "api" | "editor" | "png" | "script";

/** Write the active workflow in a form, and hand it to the browser to keep. */
export async function exportAs(form: Form): Promise<void> {
  const tab = activeTab(useEditor.getState());
  try {
    const { name, data, type } = await FORMS[form](tab);
    download(name, new Blob([data], { type }));
  } catch (error) {
    useUi.getState().toast(error instanceof Error ? error.message : String(error), "error");
  }
}

interface Written {
  readonly name: string;
  readonly data: BlobPart;
  readonly type: string;
}

const FORMS: Readonly<Record<Form, (tab: Tab) => Promise<Written>>> = {
  document: ({ workflow }) => Promise.resolve(json(workflow, "", writeDocument(workflow))),
  api: async ({ workflow }) => json(workflow, "_api", await inForm(workflow, "api")),
  editor: async ({ workflow }) => json(workflow, "_comfyui", await inForm(workflow, "editor")),
  png: async (tab) => ({ name: `${fileName(tab.workflow)}.png`, data: await picture(tab), type: "image/png" }),
  async script({ workflow }) {
    const answer = await call("POST", "v1/script", { workflow: writeDocument(workflow) });
    return { name: `${fileName(workflow)}.py`, data: String(isObject(answer) ? answer["script"] : ""), type: "text/x-python" };
  },
};

function json(workflow: Workflow, suffix: string, value: unknown): Written {
  return { name: `${fileName(workflow)}${suffix}.json`, data: `${toJson(value, 2)}\n`, type: "application/json" };
}

async function inForm(workflow: Workflow, form: "api" | "editor"): Promise<unknown> {
  const answer = await call("POST", "v1/convert", { workflow: writeDocument(workflow), form });
  return isObject(answer) ? answer["workflow"] : answer;
}

/** The last picture of the tab's run, else a drawing of the graph, with the workflow in it in every form. */
async function picture(tab: Tab): Promise<Uint8Array<ArrayBuffer>> {
  const document = writeDocument(tab.workflow);
  const [prompt, workflow] = await Promise.all([inForm(tab.workflow, "api"), inForm(tab.workflow, "editor")]);
  const blob = (await lastPicture(tab)) ?? (await graphPicture(tab.workflow.graph));
  const texts = { prompt: toJson(prompt), workflow: toJson(workflow), safelight: toJson(document) };
  return withTexts(new Uint8Array(await blob.arrayBuffer()), texts);
}

async function lastPicture(tab: Tab): Promise<Blob | undefined> {
  const { runs, shown } = useRuns.getState();
  const nodes = Object.values(runs[shown[tab.id] ?? ""]?.nodes ?? {});
  const file = nodes.flatMap((node) => node.images ?? []).at(-1);
  if (!file) return undefined;
  try {
    const blob = await (await request("GET", viewUrl(file))).blob();
    if (blob.type === "image/png") return blob;
    const bitmap = await createImageBitmap(blob);
    const canvas = window.document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
    return await blobOf(canvas);
  } catch {
    return undefined; // it is gone, or no picture: the graph is drawn
  }
}

export function fileName(workflow: Workflow): string {
  return workflow.title.replace(/[^\p{L}\p{N} ._()+-]+/gu, "_").trim() || "workflow";
}

export function download(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
