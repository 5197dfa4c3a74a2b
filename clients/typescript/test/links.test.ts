import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { World, json, problem, settle } from './fakes.js';

const id = '01960000-0000-7000-8000-000000000001';

/** SHA-256 as the contract has it, by Node's own means. */
function proofOf(uri: string): string {
  const code = Buffer.from(new URLSearchParams(uri.split('?')[1]).get('code')!, 'base64url');
  return createHash('sha256').update(id, 'ascii').update(code).digest('base64');
}

async function begun() {
  const world = await World.start();
  await world.storage.set({ tokens: undefined });
  world.server.routes.set('POST /v1/device-links', () =>
    json(201, { link_id: id, secret: 's3cret', expires_at: '2030-01-01T00:05:00Z' }));
  const polls: (() => Response)[] = [];
  let arrived!: () => void;
  world.server.routes.set(`GET /v1/device-links/${id}`, async ({ headers }) => {
    expect(headers.get('Authorization')).toBe('Link s3cret');
    while (polls.length === 0) await new Promise<void>((resolve) => (arrived = resolve));
    return polls.shift()!();
  });
  const link = await world.client.link();
  const answer = async (poll: () => Response) => {
    polls.push(poll);
    await settle();
    arrived?.();
    await settle();
  };
  return { world, link, answer };
}

it('shows a code, waits, and signs in when it was approved with it', async () => {
  const { world, link, answer } = await begun();
  expect(link.uri).toMatch(/^chatcqrs:link\?server=http%3A%2F%2Fchat\.test&id=[0-9a-f-]{36}&code=[\w-]{43}$/);
  await answer(() => json(200, { status: 'pending' }));
  await answer(() => json(200, { status: 'approved', proof: proofOf(link.uri), ...world.server.tokens(0) }));
  expect(await link.approved).toEqual({ user_id: 'ada', device_id: 'phone' });
  expect(await world.client.session()).toEqual({ user_id: 'ada', device_id: 'phone' });
});

it('drops a link that was approved without its code', async () => {
  const { world, link, answer } = await begun();
  await answer(() => json(200, { status: 'approved', proof: 'AAAA', ...world.server.tokens(0) }));
  await expect(link.approved).rejects.toMatchObject({ code: 'link_unproven' });
  expect(await world.client.session()).toBeUndefined();
});

it.each(['refused', 'expired'])('rejects when it was %s', async (status) => {
  const { link, answer } = await begun();
  await answer(() => json(200, { status }));
  await expect(link.approved).rejects.toMatchObject({ code: `link_${status}` });
});

it('asks again when an answer was lost or the server is busy', async () => {
  const { world, link, answer } = await begun();
  await answer(() => {
    throw new TypeError('terminated');
  });
  await world.clock.advance(500);
  await answer(() => problem(503, 'unavailable'));
  await world.clock.advance(1_000);
  await answer(() => json(200, { status: 'approved', proof: proofOf(link.uri), ...world.server.tokens(0) }));
  expect(await link.approved).toEqual({ user_id: 'ada', device_id: 'phone' });
});

it('a signed-in device sees who asks, and approves with the proof or refuses', async () => {
  const { link } = await begun();
  const world = await World.start();
  world.server.routes.set(`GET /v1/device-links/${id}/request`, () =>
    json(200, {
      device: { name: 'Firefox', platform: 'web' }, address: '192.0.2.1', requested_at: '2030-01-01T00:00:00Z',
    }));
  world.server.routes.set(`POST /v1/device-links/${id}/approval`, () => json(204, null));
  const request = await world.client.readLink(link.uri);
  expect(request).toMatchObject({ device: { name: 'Firefox' }, address: '192.0.2.1' });
  await request.approve();
  expect(world.server.requests.at(-1)!.body).toEqual({ proof: proofOf(link.uri) });
  await request.refuse();
  expect(world.server.requests.at(-1)!.body).toEqual({ refuse: true });
});

it.each(['https://example.org', 'chatcqrs:link?id=x', `chatcqrs:link?id=${id}&code=short`])(
  'refuses %s', async (uri) => {
    const world = await World.start();
    await expect(world.client.readLink(uri)).rejects.toMatchObject({ code: 'bad_answer' });
    expect(world.server.requests).toEqual([]);
  });
