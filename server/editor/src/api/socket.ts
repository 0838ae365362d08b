/** The websocket: what happens, as it happens. It comes back by itself when the server does. */

import { isObject, parseJson, type JsonObject } from "../json";
import { url } from "./client";

export type Message =
  | { readonly type: "open" }
  | { readonly type: "closed" }
  | { readonly type: "preview"; readonly node: string; readonly job: string; readonly image: Blob }
  | { readonly type: "event"; readonly kind: string; readonly data: JsonObject };

const PREVIEW_WITH_METADATA = 4;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;

/** Listens until `stop` is called. */
export function listen(clientId: string, hear: (message: Message) => void): { stop(): void } {
  let socket: WebSocket | undefined;
  let wait = FIRST_WAIT;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  const open = () => {
    const address = url(`ws?clientId=${encodeURIComponent(clientId)}`).replace(/^http/, "ws");
    socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      wait = FIRST_WAIT;
      socket?.send(JSON.stringify({ type: "feature_flags", data: { supports_preview_metadata: true } }));
      hear({ type: "open" });
    };
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      const message = typeof data === "string" ? readText(data) : readBinary(data);
      if (message) hear(message);
    };
    socket.onclose = () => {
      if (stopped) return;
      hear({ type: "closed" });
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  };
  open();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      socket?.close();
    },
  };
}

function readText(text: string): Message | undefined {
  const message = parseJson(text);
  if (!isObject(message) || typeof message["type"] !== "string") return undefined;
  return { type: "event", kind: message["type"], data: isObject(message["data"]) ? message["data"] : {} };
}

function readBinary(buffer: ArrayBuffer): Message | undefined {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0) !== PREVIEW_WITH_METADATA) return undefined;
  const length = view.getUint32(4);
  const metadata = parseJson(new TextDecoder().decode(buffer.slice(8, 8 + length)));
  if (!isObject(metadata)) return undefined;
  return {
    type: "preview",
    node: String(metadata["display_node_id"] ?? metadata["node_id"]),
    job: String(metadata["prompt_id"]),
    image: new Blob([buffer.slice(8 + length)], { type: String(metadata["image_type"] ?? "image/jpeg") }),
  };
}
