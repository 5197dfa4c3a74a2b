/**
 * Where a client keeps what outlives it: tokens, the last seq of each conversation, unsent messages. Values are plain
 * objects, strings and numbers (structured clone). Two accounts need two storages.
 */
export interface ChatStorage {
  /** The same for all objects that share these entries in one browser, and for no others: Web Locks are taken by it. */
  readonly name?: string;
  get(key: string): Promise<unknown>;
  /** All entries whose key starts with `prefix`, in the order of their keys. */
  list(prefix: string): Promise<[key: string, value: unknown][]>;
  /** Stores all entries or none; `undefined` deletes. Durable when the promise resolves. */
  set(entries: Readonly<Record<string, unknown>>): Promise<void>;
  /**
   * Runs `run` while nobody else who shares this storage does so for the same name. Without it the client uses the
   * browser's Web Locks where the storage has a `name`, else a lock among the users of this object. Processes that
   * share a storage need it: two that refresh at the same moment are taken for a stolen token, and the device is
   * signed out. Different names run side by side; one is held as long as a client lives.
   */
  lock?<T>(name: string, run: () => Promise<T>): Promise<T>;
}

/** Keeps everything in memory: gone with the process. */
export class MemoryStorage implements ChatStorage {
  readonly #entries = new Map<string, unknown>();

  async get(key: string): Promise<unknown> {
    return this.#entries.get(key);
  }

  async list(prefix: string): Promise<[string, unknown][]> {
    return [...this.#entries].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async set(entries: Readonly<Record<string, unknown>>): Promise<void> {
    for (const [key, value] of Object.entries(entries)) {
      if (value === undefined) this.#entries.delete(key);
      else this.#entries.set(key, structuredClone(value));
    }
  }
}
