import type { ChatStorage } from './storage.js';

/** Runs one function at a time for each name. */
export interface Locks {
  run<T>(name: string, run: () => Promise<T>): Promise<T>;
}

/** The part of the Web Locks API that is used. */
interface WebLocks {
  request<T>(name: string, run: () => Promise<T>): Promise<T>;
}

const queues = new WeakMap<ChatStorage, Map<string, Promise<unknown>>>();

/** A storage's own lock; else Web Locks for one with a name, over all tabs and workers; else one of its object. */
export function locksOf(storage: ChatStorage): Locks {
  if (storage.lock) return { run: (name, run) => storage.lock!(name, run) };
  const web = storage.name === undefined ? undefined : (globalThis.navigator as { locks?: WebLocks } | undefined)?.locks;
  return { run: (name, run) => (web ? web.request(name, run) : inProcess(storage, name, run)) };
}

async function inProcess<T>(storage: ChatStorage, name: string, run: () => Promise<T>): Promise<T> {
  let names = queues.get(storage);
  if (!names) queues.set(storage, (names = new Map()));
  const before = names.get(name) ?? Promise.resolve();
  const mine = before.then(run);
  const settled = mine.then(
    () => undefined,
    () => undefined, // The caller gets the failure; whoever is next does not.
  );
  names.set(name, settled);
  try {
    return await mine;
  } finally {
    if (names.get(name) === settled) names.delete(name);
  }
}
