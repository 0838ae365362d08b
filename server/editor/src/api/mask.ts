/** Masks of pictures in the input folder. */

import { isObject, parseJson } from "../json";
import { request } from "./client";

/** Keeps a copy of a picture with the alpha of another; gives the name that a node takes. */
export async function uploadMask(alpha: Blob, original: { filename: string; subfolder: string; type: string }): Promise<string> {
  const form = new FormData();
  const stem = original.filename.replace(/\.[^.]+$/, "").replace(/-mask-\d+$/, "");
  form.set("image", alpha, `${stem}-mask-${Date.now()}.png`);
  form.set("original_ref", JSON.stringify(original));
  form.set("type", "input");
  const answer = parseJson(await (await request("POST", "upload/mask", { body: form })).text());
  const name = isObject(answer) ? String(answer["name"]) : "";
  const folder = isObject(answer) ? String(answer["subfolder"] ?? "") : "";
  return folder ? `${folder}/${name}` : name;
}
