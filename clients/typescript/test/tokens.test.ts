import { expect, it } from 'vitest';
import { ChatError, MemoryStorage } from '../src/index.js';
import { World, json, problem, settle } from './fakes.js';

const me = () => json(200, { user_id: 'ada' });

it('a lost answer to a refresh costs nothing', async () => {
  const world = await World.start({ left: 0 });
  world.server.routes.set('GET /v1/users/me', me);
  world.server.loseAnswers = 1;
  await expect(world.client.me()).rejects.toMatchObject({ code: 'network', retryable: true });
  expect(world.server.issued).toBe(1);
  await expect(world.client.me()).resolves.toEqual({ user_id: 'ada' });
  expect(world.server.refreshes.map(({ body }) => body.refresh_token)).toEqual(['r0', 'r0']);
  expect(world.server.issued).toBe(1);
  expect(world.state).not.toBe('signed_out');
});

it('many calls at once refresh once', async () => {
  const world = await World.start({ left: 0 });
  world.server.routes.set('GET /v1/users/me', me);
  await Promise.all(Array.from({ length: 20 }, () => world.client.me()));
  expect(world.server.refreshes.length).toBe(1);
});

it('two clients on one token store refresh once', async () => {
  const one = await World.start({ left: 0 });
  const two = await World.start({ server: one.server, storage: one.storage });
  one.server.routes.set('GET /v1/users/me', ({ headers }) => {
    one.server.use(headers.get('Authorization')!.slice('Bearer '.length));
    return me();
  });
  await Promise.all([one.client.me(), two.client.me(), one.client.me(), two.client.me()]);
  expect(one.server.refreshes.length).toBe(1);
  expect(one.server.isRevoked).toBe(false);
});

it('takes over what a process without a common lock has refreshed', async () => {
  const world = await World.start({ left: 0 });
  world.server.routes.set('GET /v1/users/me', me);
  world.server.routes.set('POST /v1/tokens/refresh', async () => {
    // The other process was faster: it has stored and used the successor.
    await world.storage.set({ tokens: { ...world.server.tokens(7), expires_at: world.clock.now() + 900_000 } });
    return problem(401, 'refresh_token_reused');
  });
  await world.client.me();
  expect(world.server.requests.at(-1)!.headers.get('Authorization')).toBe('Bearer a7');
  expect(await world.client.session()).toEqual({ user_id: 'ada', device_id: 'phone' });
});

it('stores a new token before it uses it', async () => {
  class Full extends MemoryStorage {
    isFull = false;
    override async set(entries: Readonly<Record<string, unknown>>): Promise<void> {
      if (this.isFull) throw new DOMException('No space.', 'QuotaExceededError');
      await super.set(entries);
    }
  }
  const storage = new Full();
  const world = await World.start({ left: 0, storage });
  world.server.routes.set('GET /v1/users/me', me);
  storage.isFull = true;
  await expect(world.client.me()).rejects.toMatchObject({ name: 'QuotaExceededError' });
  expect(world.server.requests.filter(({ path }) => path === '/v1/users/me')).toEqual([]);
  storage.isFull = false;
  await world.client.me();
  expect(world.server.isRevoked).toBe(false);
});

it('a token that the server does not take is refreshed, once', async () => {
  const world = await World.start();
  world.server.routes.set('GET /v1/users/me', ({ headers }) =>
    headers.get('Authorization') === 'Bearer a1' ? me() : problem(401, 'token_expired'));
  await world.client.me();
  expect(world.server.refreshes.length).toBe(1);
  world.server.routes.set('GET /v1/users/me', () => problem(401, 'token_invalid'));
  await expect(world.client.me()).rejects.toMatchObject({ code: 'token_invalid', status: 401 });
  expect(world.server.refreshes.length).toBe(2);
});

it.each([-3_600_000, 3_600_000])('survives a clock that was set by %i ms', async (jump) => {
  const world = await World.start();
  world.clock.jump(jump);
  await world.clock.advance(901_000);
  world.server.routes.set('GET /v1/users/me', ({ headers }) =>
    headers.get('Authorization') === 'Bearer a0' ? problem(401, 'token_expired') : me());
  await world.client.me();
  await world.client.me();
  expect(world.server.refreshes.length).toBe(1);
});

it.each([
  'refresh_token_invalid', 'refresh_token_reused', 'device_signed_out',
])('a refresh refused with %s signs out, tells it, and leaves no token', async (code) => {
  const world = await World.start({ left: 0 });
  world.server.routes.set('POST /v1/tokens/refresh', () => problem(401, code));
  await expect(world.client.me()).rejects.toMatchObject({ code: 'signed_out', traceId: 'trace' });
  expect(world.state).toBe('signed_out');
  expect(await world.client.session()).toBeUndefined();
});

it.each<[string, () => Response]>([
  ['a page with 401', () => new Response('<html>Sign in to this network</html>', { status: 401 })],
  ['JSON without a code and 401', () => json(401, { message: 'Unauthorized' })],
  ['JSON with a code of its own and 401', () => json(401, { code: 'AUTH_REQUIRED' })],
  ['a refusal of the framework', () => problem(401, 'status_401')],
  ['a page with 200', () => new Response('<html>Welcome to this network</html>')],
  ['JSON with 200', () => json(200, { message: 'Welcome to this network' })],
  ['nothing', () => json(204, null)],
])('%s instead of tokens leaves the person signed in', async (_, answer) => {
  const world = await World.start({ left: 0 });
  world.server.routes.set('GET /v1/users/me', me);
  const refresh = world.server.routes.get('POST /v1/tokens/refresh')!;
  world.server.routes.set('POST /v1/tokens/refresh', answer);
  await expect(world.client.me()).rejects.toBeInstanceOf(ChatError);
  const connecting = world.client.connect();
  await settle();
  expect(world.state).toBe('waiting');
  world.server.routes.set('POST /v1/tokens/refresh', refresh);
  await world.clock.advance(world.wait);
  await world.caughtUp();
  await connecting;
  expect(await world.client.me()).toEqual({ user_id: 'ada' });
});

it('a token that lives for a minute is refreshed after half of it, and not by every call', async () => {
  const world = await World.start({ left: 0 });
  world.server.expiresIn = 60;
  world.server.routes.set('GET /v1/users/me', me);
  for (let i = 0; i < 5; i++) await world.client.me();
  expect(world.server.refreshes.length).toBe(1);
  await world.clock.advance(30_000);
  await world.client.me();
  expect(world.server.refreshes.length).toBe(1);
  await world.clock.advance(1);
  await world.client.me();
  expect(world.server.refreshes.length).toBe(2);
});

it.each([
  [500, 'internal'], [503, 'unavailable'], [429, 'rate_limited'],
])('%i of a refresh leaves the person signed in', async (status, code) => {
  const world = await World.start({ left: 0 });
  world.server.routes.set('POST /v1/tokens/refresh', () => problem(status, code));
  await expect(world.client.me()).rejects.toMatchObject({ code, retryable: true });
  expect(await world.client.session()).toBeDefined();
});

it('registers and verifies, and repeats a verification whose answer was lost', async () => {
  const world = await World.start();
  await world.storage.set({ tokens: undefined });
  expect(await world.client.session()).toBeUndefined();
  expect(world.state).toBe('signed_out');
  world.server.routes.set('POST /v1/registrations', () =>
    json(202, { registration_id: 'reg', expires_at: '2030-01-01T00:10:00Z', code: '123456' }));
  world.server.routes.set('POST /v1/registrations/reg/verification', () => json(200, world.server.tokens(0)));
  await expect(world.client.verify('123456')).rejects.toMatchObject({ code: 'registration_unknown' });
  const { code } = await world.client.register('+12025550100', 'Ada');
  world.server.loseAnswers = 1;
  await expect(world.client.verify(code!)).rejects.toMatchObject({ code: 'network' });
  expect(await world.client.verify(code!)).toEqual({ user_id: 'ada', device_id: 'phone' });
  expect(world.state).toBe('idle');
  const [first, second] = world.server.requests.slice(-2);
  expect(first!.body).toEqual(second!.body);
  expect(first!.body.device).toEqual({ name: 'ChatCqrs SDK', platform: 'web' });
});

it('signing out removes the device and leaves nothing in the storage', async () => {
  const world = await World.start();
  world.server.routes.set('DELETE /v1/devices/phone', () => json(204, null));
  await world.live();
  world.client.conversation('c').send('never sent');
  await settle();
  await world.client.signOut();
  expect(world.server.requests.at(-1)!.path).toBe('/v1/devices/phone');
  expect(await world.storage.list('')).toEqual([]);
  expect(world.state).toBe('signed_out');
});

it('signing out works offline, and tells that the device stays', async () => {
  const world = await World.start();
  world.server.isDown = true;
  await world.client.signOut();
  expect(await world.storage.list('')).toEqual([]);
  expect(world.errors[0]).toMatchObject({ code: 'network' });
});
