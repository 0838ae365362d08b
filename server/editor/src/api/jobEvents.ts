/** Server-sent events of `/v1`: what happens to jobs. A browser takes a broken stream up again by itself. */

import { isObject, parseJson, type JsonObject } from "../json";
import { url } from "./client";

export interface Following {
  close(): void;
}

/** Calls the function of each event's type, with its number, until it is closed. */
export function follow(path: string, hear: Readonly<Record<string, (event: JsonObject, number: string) => void>>, opened?: () => void): Following {
  const source = new EventSource(url(path));
  if (opened) source.onopen = opened;
  for (const [type, fn] of Object.entries(hear))
    source.addEventListener(type, (message: MessageEvent<string>) => {
      const event = parseJson(message.data);
      if (isObject(event)) fn(event, message.lastEventId);
    });
  return source;
}
