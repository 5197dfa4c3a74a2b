import { describe, expect, it } from 'vitest';
import type { Message } from '../src/index.js';
import { SlowStorage, World, ack, json, message, settle } from './fakes.js';

/** Signs somebody in on a client. */
async function signIn(world: World, user: string): Promise<void> {
  const { routes } = world.server;
  routes.set('POST /v1/registrations', () => json(202, { registration_id: 'reg', expires_at: '' }));
  routes.set('POST /v1/registrations/reg/verification', () =>
    json(200, { ...world.server.tokens(0), user_id: user, device_id: `of ${user}` }));
  await world.client.register('+12025550100');
  await world.client.verify('123456');
}

/** Ada has read entry 7, and has written a message that is not sent. */
async function leftByAda(world: World) {
  world.server.routes.set('DELETE /v1/devices/phone', () => json(204, null));
  const socket = await world.live();
  socket.receive(message(7));
  await settle();
  world.client.conversation('c').markRead(7);
  const outgoing = world.client.conversation('c').send('from Ada');
  await settle();
  return outgoing;
}

/** Ben connects: nothing of Ada's goes out, nothing of his is missed, and he can write. */
async function expectBenAlone(world: World): Promise<void> {
  const seqs: number[] = [];
  world.client.on('message', ({ seq }: Message) => void seqs.push(seq));
  const bens = world.client.conversation('c').send('from Ben');
  const socket = await world.live({ user_id: 'ben' });
  await world.clock.advance(1_000);
  expect(socket.all('send').map(({ text }) => text)).toEqual(['from Ben']);
  expect([socket.all('read'), socket.all('delivered'), socket.all('sync')]).toEqual([[], [], []]);
  expect(world.client.conversation('c').lastSeq).toBeUndefined();
  socket.receive(message(3), ack(socket.last('send'), 4));
  await settle();
  expect(seqs).toEqual([3, 4]);
  expect(await bens.acked).toMatchObject({ seq: 4 });
  expect((await world.storage.list('')).map(([key]) => key)).toEqual(['incarnation', 'seq/c', 'tokens', 'user']);
}

describe('the next person on a device', () => {
  it('gets nothing of the one who signed out', async () => {
    const world = await World.start();
    const outgoing = await leftByAda(world);
    world.server.socket.end(1006);
    const parked = world.client.conversation('c').send('more from Ada');
    await world.client.signOut();
    expect([outgoing.state, parked.state, world.client.outbox]).toEqual(['cancelled', 'cancelled', []]);
    await expect(outgoing.acked).rejects.toMatchObject({ code: 'cancelled' });
    expect(() => world.client.conversation('c').send('nobody is there')).toThrow(/closed/);
    expect(world.clock.running).toBe(0);
    await signIn(world, 'ben');
    await expectBenAlone(world);
  });

  it.each(['on the same client', 'in another process'])(
    'gets nothing of one whose device was removed from afar, %s', async (where) => {
      const world = await World.start();
      const outgoing = await leftByAda(world);
      world.server.isRevoked = true;
      world.server.socket.end(1008);
      await world.clock.advance(0);
      expect(world.state).toBe('signed_out');
      world.server.isRevoked = false;
      if (where === 'in another process') {
        await world.client.close();
        const next = await World.start({ storage: world.storage, server: world.server });
        await signIn(next, 'ben');
        await expectBenAlone(next);
      } else {
        await signIn(world, 'ben');
        expect(outgoing.state).toBe('cancelled');
        await expectBenAlone(world);
      }
    });

  it('gets nothing of one who is still signed in', async () => {
    const world = await World.start();
    const outgoing = await leftByAda(world);
    const { socket } = world.server;
    await signIn(world, 'ben');
    expect([socket.closedWith, outgoing.state, world.state]).toEqual([1000, 'cancelled', 'idle']);
    await expectBenAlone(world);
  });

  it('gets nothing that is in the memory of another tab', async () => {
    const world = await World.start();
    const other = await World.start({ server: world.server, storage: world.storage });
    const outgoing = await leftByAda(other);
    const adas = world.server.socket;
    await world.client.signOut();
    await signIn(world, 'ben');
    adas.end(1008); // The other tab goes on under the tokens that are there.
    await other.clock.advance(0);
    const bens = await other.caughtUp({ user_id: 'ben' });
    await other.clock.advance(1_000);
    expect([bens.all('send'), bens.all('read')]).toEqual([[], []]);
    expect(outgoing.state).toBe('cancelled');
    other.client.conversation('c').send('from Ben');
    await settle();
    expect(bens.last('send').text).toBe('from Ben');
  });
});

it('the same person signs in again after the device was removed, and what waits goes out', async () => {
  const world = await World.start();
  const outgoing = await leftByAda(world);
  world.server.isRevoked = true;
  world.server.socket.end(1008);
  await world.clock.advance(0);
  await signIn(world, 'ada');
  const socket = await world.live();
  expect(socket.last('send').message_id).toBe(outgoing.id);
});

describe('signing out leaves nothing in the storage', () => {
  it.each(['seq/', 'outbox/', 'position'])('while %s is being written', async (prefix) => {
    const storage = new SlowStorage();
    const world = await World.start({ storage });
    world.server.routes.set('DELETE /v1/devices/phone', () => json(204, null));
    world.server.routes.set('GET /v1/users/me', () => json(200, {}, { 'Chat-Position': 'p1' }));
    const socket = await world.live();
    storage.isSlow = (key) => key.startsWith(prefix);
    socket.receive(message(1));
    world.client.conversation('c').send('from Ada');
    const asked = world.client.me();
    await settle();
    const ending = world.client.signOut();
    await settle();
    storage.go();
    await Promise.all([ending, asked]);
    await settle();
    expect(await storage.list('')).toEqual([]);
  });

  it('while a handler takes its time, for which it does not wait', async () => {
    const world = await World.start();
    const socket = await world.live();
    let end!: () => void;
    world.client.on('message', () => new Promise((resolve) => (end = resolve)));
    socket.receive(message(1), message(2));
    await settle();
    await world.client.signOut();
    end();
    await world.clock.advance(1_000);
    expect(await world.storage.list('')).toEqual([]);
  });

  it.each([['seq/', 1], ['outbox/', 2]])('while %s is being read', async (slow, call) => {
    const world = await World.start();
    const body = { message_id: 'm', conversation_id: 'c', type: 'text', text: 'left by Ada' };
    await world.storage.set({ 'seq/c': 1, 'outbox/000000000000001/m': { body } });
    const list = world.storage.list.bind(world.storage);
    let go!: () => void;
    const going = new Promise<void>((resolve) => (go = resolve));
    let calls = 0;
    world.storage.list = async (prefix) => {
      const entries = await list(prefix);
      if (prefix === slow && ++calls === call) await going;
      return entries;
    };
    const socket = await world.live();
    socket.receive(message(2));
    await world.client.signOut();
    expect(await list('')).toEqual([]);
    await signIn(world, 'ben');
    go();
    await settle();
    expect(world.client.outbox).toEqual([]);
    await expectBenAlone(world);
  });

  it('while answers are on their way', async () => {
    const world = await World.start();
    world.server.routes.set('DELETE /v1/devices/phone', () => json(204, null));
    let answer!: () => void;
    const late = new Promise<void>((resolve) => (answer = resolve));
    world.server.routes.set('GET /v1/users/me', () => late.then(() => json(200, {}, { 'Chat-Position': 'p1' })));
    world.server.routes.set('POST /v1/media/uploads', () =>
      late.then(() => json(201, {}, { Location: '/v1/media/uploads/1' })));
    const asked = world.client.me();
    const uploaded = expect(world.client.upload(new Blob(['x']), { key: 'private.txt' }))
      .rejects.toMatchObject({ code: 'signed_out' });
    await settle();
    await world.client.signOut();
    answer();
    await Promise.all([asked, uploaded]);
    expect(await world.storage.list('')).toEqual([]);
  });

  it('while another tab refreshes the token', async () => {
    const world = await World.start();
    const other = await World.start({ server: world.server, storage: world.storage });
    world.server.routes.set('DELETE /v1/devices/phone', () => json(204, null));
    const refresh = world.server.routes.get('POST /v1/tokens/refresh')!;
    let answer!: () => void;
    const late = new Promise<void>((resolve) => (answer = resolve));
    world.server.routes.set('POST /v1/tokens/refresh', (exchange) => late.then(() => refresh(exchange)));
    const socket = await other.live();
    socket.end(4401);
    await other.clock.advance(0);
    const ending = world.client.signOut();
    await settle();
    answer();
    await ending;
    await settle();
    expect(await world.storage.list('')).toEqual([]);
    await other.client.close();
  });
});
