import 'fake-indexeddb/auto';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryStorage, type ChatStorage } from '../src/index.js';
import { IndexedDbStorage } from '../src/store/index.js';
import { World, settle } from './fakes.js';

/** The Web Locks of an origin. */
class FakeWebLocks {
  readonly names: string[] = [];
  readonly #queues = new Map<string, Promise<unknown>>();

  request<T>(name: string, run: () => Promise<T>): Promise<T> {
    this.names.push(name);
    const mine = (this.#queues.get(name) ?? Promise.resolve()).then(run);
    this.#queues.set(name, mine.catch(() => undefined));
    return mine;
  }
}

let locks: FakeWebLocks;
beforeEach(() => {
  locks = new FakeWebLocks();
  vi.stubGlobal('navigator', { locks });
});
afterEach(() => vi.unstubAllGlobals());

/** Leaves a message in a storage, as a process does that ends before it is sent. */
async function leave(storage: ChatStorage, text: string): Promise<void> {
  const world = await World.start({ storage });
  world.client.conversation('c').send(text);
  await world.client.close();
}

const waiting = (world: World) => world.client.outbox.map(({ content }) => content.text);

it.each<[string, () => ChatStorage[]]>([
  ['two databases', () => [new IndexedDbStorage('ada'), new IndexedDbStorage('ben')]],
  ['two storages in memory', () => [new MemoryStorage(), new MemoryStorage()]],
])('two accounts of one origin in %s each take up what they left', async (_, make) => {
  const storages = make();
  for (const [i, storage] of storages.entries()) await leave(storage, `left ${i}`);
  const worlds = await Promise.all(storages.map((storage) => World.start({ storage })));
  for (const world of worlds) void world.client.connect().catch(() => undefined);
  await vi.waitFor(() => expect(worlds.map(waiting)).toEqual([['left 0'], ['left 1']]));
  for (const world of worlds) await world.client.close();
});

it('of two tabs of one account the first takes up what was left', async () => {
  const [first, second] = [new IndexedDbStorage('both'), new IndexedDbStorage('both')];
  await leave(first, 'left');
  const [one, two] = [await World.start({ storage: first }), await World.start({ storage: second })];
  for (const world of [one, two]) void world.client.connect().catch(() => undefined);
  await vi.waitFor(() => expect(waiting(one)).toEqual(['left']));
  await settle();
  expect(waiting(two)).toEqual([]);
  await one.client.close();
  await vi.waitFor(() => expect(waiting(two)).toEqual(['left']));
  await two.client.close();
  expect(new Set(locks.names)).toEqual(new Set(['chatcqrs:outbox:http://chat.test:both']));
});

it('a storage without a name is of one tab, and takes no lock of the origin', async () => {
  const world = await World.start({ left: 0 });
  await world.live();
  await world.client.close();
  expect(world.server.refreshes.length).toBe(1);
  expect(locks.names).toEqual([]);
});
