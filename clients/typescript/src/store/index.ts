import type { ChatStorage } from '../storage.js';

const table = 'entries';

/**
 * Keeps a client's entries in IndexedDB, for all tabs and workers of an origin. A browser may delete it where the
 * person has not granted persistence (`navigator.storage.persist()`): register such a device as `ephemeral`.
 */
export class IndexedDbStorage implements ChatStorage {
  readonly name: string;
  readonly #factory: IDBFactory;
  #database: Promise<IDBDatabase> | undefined;

  /** @param name the database's; one for each account */
  constructor(name = 'chatcqrs', factory: IDBFactory = indexedDB) {
    this.name = name;
    this.#factory = factory;
  }

  async get(key: string): Promise<unknown> {
    const database = await this.#open();
    return answer(database.transaction(table).objectStore(table).get(key));
  }

  async list(prefix: string): Promise<[string, unknown][]> {
    const entries = (await this.#open()).transaction(table).objectStore(table);
    const range = prefix === '' ? null : IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const [keys, values] = await Promise.all([answer(entries.getAllKeys(range)), answer(entries.getAll(range))]);
    return keys.map((key, i) => [String(key), values[i]]);
  }

  async set(entries: Readonly<Record<string, unknown>>): Promise<void> {
    const database = await this.#open();
    // A token that is lost in a power failure after its use would sign the device out.
    const durability = 'tokens' in entries ? 'strict' : 'default';
    const transaction = database.transaction(table, 'readwrite', { durability });
    const store = transaction.objectStore(table);
    try {
      for (const [key, value] of Object.entries(entries)) {
        if (value === undefined) store.delete(key);
        else store.put(value, key);
      }
    } catch (error) {
      transaction.abort(); // A value that cannot be stored: none of the others is.
      throw error;
    }
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }

  /** Ends the use of the database; the next call opens it again. */
  async close(): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    (await database)?.close();
  }

  #open(): Promise<IDBDatabase> {
    return (this.#database ??= this.#opened().catch((error: unknown) => {
      this.#database = undefined;
      throw error;
    }));
  }

  async #opened(): Promise<IDBDatabase> {
    const opening = this.#factory.open(this.name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(table);
    const database = await answer(opening);
    database.onclose = () => (this.#database = undefined); // The browser closed it: storage was cleared, for example.
    database.onversionchange = () => {
      this.#database = undefined;
      database.close(); // Somebody deletes the database, or a later version upgrades it.
    };
    return database;
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
