/** Pictures into the input folder. */

import { isObject, parseJson } from "../json";
import { request } from "./client";

/** Uploads a picture and gives the name that a node takes. */
export async function uploadImage(file: File, subfolder = ""): Promise<string> {
  const form = new FormData();
  form.set("image", file, file.name || "pasted.png");
  if (subfolder) form.set("subfolder", subfolder);
  const response = await request("POST", "upload/image", { body: form });
  const answer = parseJson(await response.text());
  const name = isObject(answer) ? String(answer["name"]) : file.name;
  const folder = isObject(answer) ? String(answer["subfolder"] ?? "") : "";
  return folder ? `${folder}/${name}` : name;
}
