/** The pages of this browser that are open on the editor: which session each has, and which saved workflows. */

export interface Page {
  readonly session: string;
  readonly files: readonly string[];
}

type Said =
  | { readonly kind: "who"; readonly from: string }
  | ({ readonly kind: "here"; readonly from: string } & Page)
  | { readonly kind: "saved"; readonly from: string; readonly file: string; readonly etag: string };

const ANSWERS_WITHIN = 80;
const ME = crypto.randomUUID();
const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("safelight");
let mine: Page | undefined;

/** Who else is there. */
export function askOthers(): Promise<Page[]> {
  if (!channel) return Promise.resolve([]);
  const found: Page[] = [];
  const hear = ({ data }: MessageEvent<Said>) => {
    if (data.kind === "here" && data.from !== ME) found.push({ session: data.session, files: data.files });
  };
  channel.addEventListener("message", hear);
  channel.postMessage({ kind: "who", from: ME } satisfies Said);
  return new Promise((resolve) =>
    setTimeout(() => {
      channel.removeEventListener("message", hear);
      resolve(found);
    }, ANSWERS_WITHIN),
  );
}

/** What this page answers from now on; a change of its files is told. */
export function announce(page: Page): void {
  const changed = mine && page.files.join("\n") !== mine.files.join("\n");
  mine = page;
  if (changed) channel?.postMessage({ kind: "here", from: ME, ...page } satisfies Said);
}

export function tellSaved(file: string, etag: string): void {
  channel?.postMessage({ kind: "saved", from: ME, file, etag } satisfies Said);
}

export function listenToPages(hear: { here(page: Page): void; saved(file: string, etag: string): void }): void {
  channel?.addEventListener("message", ({ data }: MessageEvent<Said>) => {
    if (data.from === ME) return;
    if (data.kind === "who" && mine) channel.postMessage({ kind: "here", from: ME, ...mine } satisfies Said);
    if (data.kind === "here") hear.here(data);
    if (data.kind === "saved") hear.saved(data.file, data.etag);
  });
}
