/** What this browser keeps, by key, in IndexedDB: it holds large workflows, and writing does not hold up the page. */

const NAME = "safelight";
export type Store = "tabs" | "sessions";

let opening: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      for (const store of ["tabs", "sessions"] satisfies Store[]) request.result.createObjectStore(store, { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("This browser keeps nothing for this page."));
    request.onblocked = () => reject(new Error("Another page holds the storage."));
  });
  return opening;
}

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("Storage failed."));
  });
}

export async function readOne<T>(store: Store, id: string): Promise<T | undefined> {
  return asked((await database()).transaction(store).objectStore(store).get(id)) as Promise<T | undefined>;
}

export async function readAll<T>(store: Store): Promise<T[]> {
  return asked((await database()).transaction(store).objectStore(store).getAll()) as Promise<T[]>;
}

/** Writes and removes in one transaction: all of it holds, or nothing. */
export async function write(changes: {
  readonly put?: readonly (readonly [Store, { readonly id: string }])[];
  readonly remove?: readonly (readonly [Store, string])[];
}): Promise<void> {
  const transaction = (await database()).transaction(["tabs", "sessions"], "readwrite", { durability: "relaxed" });
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error ?? new Error("Storage failed."));
    transaction.onabort = () => reject(transaction.error ?? new Error("Storage failed."));
  });
  for (const [store, value] of changes.put ?? []) transaction.objectStore(store).put(value);
  for (const [store, id] of changes.remove ?? []) transaction.objectStore(store).delete(id);
  await done;
}
