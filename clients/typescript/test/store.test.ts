import 'fake-indexeddb/auto';
import { expect, it } from 'vitest';
import { MemoryStorage, type ChatStorage } from '../src/index.js';
import { IndexedDbStorage } from '../src/store/index.js';

let names = 0;
const kinds: [string, () => ChatStorage][] = [
  ['memory', () => new MemoryStorage()],
  ['IndexedDB', () => new IndexedDbStorage(`test-${names++}`)],
];

it.each(kinds)('%s keeps, lists in the order of keys, and deletes', async (_, make) => {
  const storage = make();
  await storage.set({ b: { x: 1 }, 'p/2': 'two', 'p/1': 1, 'p/10': [10], q: true });
  expect(await storage.get('b')).toEqual({ x: 1 });
  expect(await storage.get('none')).toBeUndefined();
  expect(await storage.list('p/')).toEqual([['p/1', 1], ['p/10', [10]], ['p/2', 'two']]);
  await storage.set({ 'p/1': undefined, b: 'new' });
  expect((await storage.list('')).map(([key]) => key)).toEqual(['b', 'p/10', 'p/2', 'q']);
  expect(await storage.get('b')).toBe('new');
});

it.each(kinds)('%s keeps a copy, not the object', async (_, make) => {
  const storage = make();
  const value = { x: 1 };
  await storage.set({ value });
  value.x = 2;
  expect(await storage.get('value')).toEqual({ x: 1 });
});

it('IndexedDB outlives its object, and stores all entries or none', async () => {
  const storage = new IndexedDbStorage('lasting');
  await storage.set({ a: 1 });
  await expect(storage.set({ a: 2, b: () => undefined })).rejects.toThrow();
  await storage.close();
  const next = new IndexedDbStorage('lasting');
  expect(await next.list('')).toEqual([['a', 1]]);
});

it('IndexedDB gives way to whoever deletes it, and begins anew', async () => {
  const storage = new IndexedDbStorage('deleted');
  await storage.set({ a: 1 });
  await new Promise<void>((resolve, reject) => {
    const deleting = indexedDB.deleteDatabase('deleted');
    deleting.onsuccess = () => resolve();
    deleting.onerror = () => reject(deleting.error);
  });
  expect(await storage.get('a')).toBeUndefined();
});
