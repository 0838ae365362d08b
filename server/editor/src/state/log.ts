/** The server's lines, as long as somebody looks at them. */

import { create } from "zustand";
import { call } from "../api/client";
import { isObject, type Json } from "../json";
import { CLIENT_ID } from "./client";

export interface Line {
  readonly id: number;
  readonly time: string;
  readonly text: string;
}

interface LogState {
  readonly lines: readonly Line[];
  readonly state: "closed" | "open" | "failed";
  open(): Promise<void>;
  close(): void;
  /** New lines from the socket. */
  add(entries: Json | undefined): void;
  /** The socket is back: the server may have forgotten who listens. */
  reconnected(): void;
}

const MOST_LINES = 3000;
/** The time that lines begin with; it is shown in this place's own time. */
const OWN_TIME = /^\d{4}-\d\d-\d\d[ T][\d:.,]+Z?\s+/;
let next = 0;

export const useLog = create<LogState>()((set, get) => ({
  lines: [],
  state: "closed",
  async open() {
    set({ state: "open" });
    try {
      await subscribe(true);
      const answer = await call("GET", "internal/logs/raw");
      set({ lines: isObject(answer) ? read(answer["entries"]) : [] });
    } catch {
      set({ state: "failed" });
    }
  },
  close() {
    set({ state: "closed" });
    subscribe(false).catch(() => undefined);
  },
  add: (entries) => set(({ lines, state }) => (state === "open" ? { lines: [...lines, ...read(entries)].slice(-MOST_LINES) } : {})),
  reconnected() {
    if (get().state !== "closed") void get().open();
  },
}));

function subscribe(enabled: boolean): Promise<Json> {
  return call("PATCH", "internal/logs/subscribe", { clientId: CLIENT_ID, enabled });
}

function read(entries: Json | undefined): Line[] {
  return (Array.isArray(entries) ? entries : []).flatMap((each) =>
    isObject(each) ? [{ id: next++, time: String(each["t"] ?? ""), text: String(each["m"] ?? "").replace(/\n$/, "").replace(OWN_TIME, "") }] : [],
  );
}
