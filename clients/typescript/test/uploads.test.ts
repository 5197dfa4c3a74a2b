import { expect, it } from 'vitest';
import { MemoryStorage } from '../src/index.js';
import { World, json, problem, type Exchange } from './fakes.js';

const mebibyte = 1024 * 1024;

/** The tus endpoint of a server: keeps bytes by offset, and loses answers as it is told. */
class TusServer {
  readonly starts: Exchange[] = [];
  readonly offsets: number[] = [];
  received = 0;
  length = 0;
  /** The answer to the n-th PATCH (from 0) is lost. */
  readonly lost = new Set<number>();
  patches = 0;

  constructor(readonly world: World) {
    const { routes } = world.server;
    routes.set('POST /v1/media/uploads', (exchange) => {
      this.starts.push(exchange);
      this.length = Number(exchange.headers.get('Upload-Length'));
      this.received = 0;
      return json(201, '', { Location: '/v1/media/uploads/u1' });
    });
    routes.set('HEAD /v1/media/uploads/u1', () => json(200, '', this.#headers()));
    routes.set('PATCH /v1/media/uploads/u1', ({ headers }) => {
      const offset = Number(headers.get('Upload-Offset'));
      this.offsets.push(offset);
      if (offset !== this.received) return problem(409, 'upload_offset_mismatch');
      this.received = Math.min(this.length, offset + mebibyte);
      if (this.lost.has(this.patches++)) throw new TypeError('terminated');
      return json(204, null, this.#headers());
    });
  }

  #headers(): Record<string, string> {
    const isDone = this.received === this.length;
    return { 'Upload-Offset': String(this.received), ...(isDone && { 'Chat-File-Id': 'file' }) };
  }
}

const file = (size = 2.5 * mebibyte, name = 'photo ö.png') =>
  new File([new Uint8Array(size)], name, { type: 'image/png', lastModified: 1 });

async function run(world: World, uploading: Promise<string>): Promise<string> {
  let ended = false;
  void uploading.then(() => (ended = true), () => (ended = true));
  for (let i = 0; i < 100 && !ended; i++) await world.clock.advance(1_000);
  return uploading;
}

it('goes up in pieces, tells its progress and answers the file id', async () => {
  const world = await World.start();
  const tus = new TusServer(world);
  const progress: number[] = [];
  const onProgress = (sent: number, total: number) => void progress.push(sent / total);
  const id = await run(world, world.client.upload(file(), { onProgress }));
  expect(id).toBe('file');
  expect(tus.offsets).toEqual([0, mebibyte, 2 * mebibyte]);
  expect(progress).toEqual([0.4, 0.8, 1]);
  const { headers } = tus.starts[0]!;
  expect(headers.get('Tus-Resumable')).toBe('1.0.0');
  expect(headers.get('Upload-Length')).toBe(String(2.5 * mebibyte));
  const name = Buffer.from('photo ö.png').toString('base64');
  expect(headers.get('Upload-Metadata')).toBe(`file_type ${btoa('image')},filename ${name}`);
  expect(await world.storage.list('upload/')).toEqual([]);
});

it.each([0, 1, 2])('goes on where the answer to piece %i was lost', async (piece) => {
  const world = await World.start();
  const tus = new TusServer(world);
  tus.lost.add(piece);
  expect(await run(world, world.client.upload(file()))).toBe('file');
  expect(tus.offsets).toEqual([0, mebibyte, 2 * mebibyte]);
  expect(tus.starts.length).toBe(1);
});

it('goes on in another process', async () => {
  const world = await World.start();
  const tus = new TusServer(world);
  const ending = new AbortController();
  const first = world.client.upload(file(), { signal: ending.signal, onProgress: () => ending.abort() });
  await expect(run(world, first)).rejects.toMatchObject({ name: 'AbortError' });
  const next = await World.start({ server: world.server, storage: world.storage });
  expect(await run(next, next.client.upload(file()))).toBe('file');
  expect(tus.starts.length).toBe(1);
  expect(tus.offsets).toEqual([0, mebibyte, 2 * mebibyte]);
});

it('begins anew where the server has forgotten it', async () => {
  const world = await World.start({ storage: new MemoryStorage() });
  const tus = new TusServer(world);
  await world.storage.set({ [`upload/photo ö.png/${2.5 * mebibyte}/1`]: '/v1/media/uploads/gone' });
  expect(await run(world, world.client.upload(file()))).toBe('file');
  expect(tus.starts.length).toBe(1);
});

it('asks for the offset where it was wrong about it', async () => {
  const world = await World.start();
  const tus = new TusServer(world);
  const patch = world.server.routes.get('PATCH /v1/media/uploads/u1')!;
  let isFirst = true;
  world.server.routes.set('PATCH /v1/media/uploads/u1', (exchange) => {
    if (isFirst) tus.received = mebibyte / 2; // A piece of an earlier try arrives late.
    isFirst = false;
    return patch(exchange);
  });
  expect(await run(world, world.client.upload(file()))).toBe('file');
  expect(tus.offsets).toEqual([0, mebibyte / 2, 1.5 * mebibyte]);
});

it.each([[413, 'file_too_large'], [415, 'file_type_mismatch'], [400, 'empty_file']])(
  'ends with %i', async (status, code) => {
    const world = await World.start();
    world.server.routes.set('POST /v1/media/uploads', () => problem(status, code));
    await expect(run(world, world.client.upload(file()))).rejects.toMatchObject({ status, code });
  });

it('gives up after ten tries without progress', async () => {
  const world = await World.start();
  const tus = new TusServer(world);
  let tries = 0;
  world.server.routes.set('PATCH /v1/media/uploads/u1', () => {
    tries++;
    return problem(503, 'unavailable', { 'Retry-After': '1' });
  });
  await expect(run(world, world.client.upload(file()))).rejects.toMatchObject({ code: 'upload_stuck' });
  expect(tries).toBe(10);
  expect(tus.received).toBe(0);
});
