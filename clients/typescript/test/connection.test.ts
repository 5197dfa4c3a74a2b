import { describe, expect, it } from 'vitest';
import { ChatError } from '../src/index.js';
import { World, ack, problem, settle } from './fakes.js';

describe('connecting', () => {
  it('authenticates by its first frame and not by the address', async () => {
    const world = await World.start();
    const socket = await world.open();
    expect(world.state).toBe('connecting');
    expect(socket.url).toBe('ws://chat.test/v1/ws');
    expect(socket.sent).toEqual([]);
    world.server.welcome();
    expect(socket.sent[0]).toEqual({ op: 'authenticate', access_token: 'a0' });
  });

  it('tells each state on its way', async () => {
    const world = await World.start();
    const states: string[] = [];
    world.client.on('state', ({ name }) => void states.push(name));
    const connecting = world.client.connect();
    await settle();
    await world.caughtUp();
    await connecting;
    expect(states).toEqual(['connecting', 'catching_up', 'live']);
    await world.client.close();
    expect(world.state).toBe('idle');
    expect(world.server.socket.closedWith).toBe(1000);
  });

  it('refuses to connect when nobody is signed in', async () => {
    const world = await World.start();
    await world.storage.set({ tokens: undefined });
    await expect(world.client.connect()).rejects.toMatchObject({ code: 'signed_out' });
    expect(world.state).toBe('signed_out');
    expect(world.server.sockets).toEqual([]);
  });

  it('ends the attempt with the signal, and rejects with its reason', async () => {
    const world = await World.start();
    const ending = new AbortController();
    const connecting = world.client.connect({ signal: ending.signal });
    await settle();
    ending.abort();
    await expect(connecting).rejects.toMatchObject({ name: 'AbortError' });
    expect(world.state).toBe('idle');
    await world.clock.advance(3_600_000);
    expect(world.server.sockets.length).toBe(1);
  });

  it('leaves the connection alone when the signal is aborted later', async () => {
    const world = await World.start();
    const ending = new AbortController();
    const connecting = world.client.connect({ signal: ending.signal });
    await settle();
    await world.caughtUp();
    await connecting;
    ending.abort();
    expect(world.state).toBe('live');
  });

  it('refreshes a token with less than a minute left before it connects', async () => {
    const world = await World.start({ left: 59_000 });
    await world.open();
    world.server.welcome();
    expect(world.server.socket.last('authenticate').access_token).toBe('a1');
  });

  it('gives a socket without a welcome up', async () => {
    const world = await World.start();
    await world.open();
    await world.clock.advance(20_001);
    expect(world.state).toBe('waiting');
    await world.clock.advance(30_000);
    expect(world.server.sockets.length).toBeGreaterThan(1);
  });

  it('tells in words that a WebSocket class is missing', async () => {
    const logged: unknown[] = [];
    const world = await World.start({
      WebSocket: undefined as never, logger: { error: (...what) => logged.push(what[1]) },
    });
    const given = globalThis as { WebSocket?: unknown };
    const before = given.WebSocket;
    delete given.WebSocket;
    try {
      void world.client.connect().catch(() => undefined);
      await settle();
    } finally {
      if (before) given.WebSocket = before;
    }
    expect(logged[0]).toMatchObject({ code: 'no_websocket' });
    await world.client.close();
  });
});

describe('close', () => {
  it.each(['close', 'signOut'] as const)('ends an attempt that has just begun: %s', async (end) => {
    const world = await World.start();
    const failed = expect(world.client.connect()).rejects.toMatchObject({ code: 'closed' });
    await world.client[end]();
    await failed;
    await world.clock.advance(60_000);
    expect(world.server.sockets).toEqual([]);
    expect(world.state).toBe(end === 'close' ? 'idle' : 'signed_out');
  });

  it('is followed by a new connection, which sends', async () => {
    const world = await World.start();
    const failed = expect(world.client.connect()).rejects.toMatchObject({ code: 'closed' });
    const closing = world.client.close(); // As React does in development.
    await world.live();
    await Promise.all([failed, closing]);
    await world.client.close();
    const socket = await world.live();
    const outgoing = world.client.conversation('c').send('hello');
    await settle();
    socket.receive(ack(socket.last('send'), 1));
    expect(await outgoing.acked).toMatchObject({ seq: 1 });
    expect(world.server.sockets.length).toBe(2);
  });

  it.each(['connecting', 'catching_up', 'live'])('by a handler of the state %s leaves no timer', async (state) => {
    const world = await World.start();
    world.client.on('state', ({ name }) => {
      if (name === state) void world.client.close();
    });
    const failed = world.client.connect().catch((error: unknown) => error);
    await settle();
    if (state !== 'connecting') await world.caughtUp();
    if (state !== 'live') expect(await failed).toMatchObject({ code: 'closed' });
    expect(world.state).toBe('idle');
    expect(world.clock.running).toBe(0);
  });
});

describe('after a close', () => {
  it.each([
    [1000, 0, 500], [1001, 0, 2_000], [1006, 0, 500], [1009, 0, 500], [1011, 0, 500], [1012, 0, 500],
    [1013, 1_000, 5_000], [4000, 0, 500],
  ])('%i waits from %i to %i ms', async (code, from, to) => {
    for (const random of [0, 0.5, 0.999]) {
      const world = await World.start();
      const socket = await world.live();
      world.random = random;
      socket.end(code);
      expect(world.wait).toBeCloseTo(from + random * (to - from), 3);
      await world.clock.advance(to + 1);
      expect(world.server.sockets.length).toBe(2);
      expect(world.state).toBe('connecting');
    }
  });

  it('4401 refreshes the token and connects at once', async () => {
    const world = await World.start();
    const socket = await world.live();
    socket.end(4401);
    await world.clock.advance(0);
    world.server.welcome();
    expect(world.server.socket.last('authenticate').access_token).toBe('a1');
    expect(world.server.refreshes.length).toBe(1);
  });

  it('4401 again and again does not make it hammer the server', async () => {
    const world = await World.start();
    await world.live();
    for (let i = 0; i < 20; i++) {
      world.server.socket.end(4401);
      await world.clock.advance(0);
    }
    expect(world.server.sockets.length).toBe(2);
    await world.clock.advance(30_000);
    expect(world.server.sockets.length).toBeGreaterThan(2);
  });

  it('1008 of a removed device signs out, and clears the tokens', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.server.isRevoked = true;
    socket.end(1008);
    await world.clock.advance(0);
    expect(world.state).toBe('signed_out');
    expect(await world.storage.get('tokens')).toBeUndefined();
    await world.clock.advance(3_600_000);
    expect(world.server.sockets.length).toBe(1);
  });

  it('1008 for another reason keeps the person signed in', async () => {
    const world = await World.start();
    const socket = await world.live();
    socket.end(1008);
    await world.clock.advance(0);
    await world.caughtUp();
    expect(world.state).toBe('live');
  });

  it('never gives up, and never waits longer than 30 s', async () => {
    const world = await World.start();
    await world.live();
    world.random = 0.999;
    let longest = 0;
    for (let i = 0; i < 200; i++) {
      world.server.socket.end(1006);
      longest = Math.max(longest, world.wait);
      await world.clock.advance(world.wait);
    }
    expect(world.server.sockets.length).toBe(201);
    expect(longest).toBeGreaterThan(29_000);
    expect(longest).toBeLessThanOrEqual(30_000);
    await world.caughtUp();
    expect(world.state).toBe('live');
  });

  it('begins with short waits again after it was live', async () => {
    const world = await World.start();
    await world.live();
    for (let i = 0; i < 10; i++) {
      world.server.socket.end(1006);
      await world.clock.advance(world.wait);
    }
    await world.caughtUp();
    world.server.socket.end(1006);
    await world.clock.advance(500);
    expect(world.server.sockets.length).toBe(12);
  });

  it('ignores what an older socket still does', async () => {
    const world = await World.start();
    const old = await world.live();
    old.end(1006);
    await world.clock.advance(500);
    await world.caughtUp();
    old.end(1008);
    old.receive({ op: 'synced' });
    await world.clock.advance(5_000);
    expect(world.state).toBe('live');
    expect(world.server.sockets.length).toBe(2);
  });

  it('drops a socket that sends what is no JSON', async () => {
    const world = await World.start();
    const socket = await world.live();
    socket.onmessage?.({ data: '{' } as never);
    expect(world.state).toBe('waiting');
  });
});

describe('pings', () => {
  it('notice a socket that hangs within 35 s', async () => {
    const world = await World.start();
    const socket = await world.live();
    await world.clock.advance(25_000);
    expect(socket.last('ping')).toEqual({ op: 'ping', id: 1 });
    expect(world.state).toBe('live');
    await world.clock.advance(10_000);
    expect(world.state).toBe('waiting');
    await world.clock.advance(500);
    expect(world.server.sockets.length).toBe(2);
  });

  it('go on while they are answered', async () => {
    const world = await World.start();
    const socket = await world.live();
    for (let i = 1; i <= 20; i++) {
      await world.clock.advance(25_000);
      expect(socket.all('ping').length).toBe(i);
      socket.receive({ op: 'pong', id: i });
    }
    expect(world.state).toBe('live');
    expect(world.server.sockets.length).toBe(1);
  });

  it('take every frame for a sign of life', async () => {
    const world = await World.start();
    const socket = await world.live();
    await world.clock.advance(25_000);
    socket.receive({ op: 'typing', conversation_id: 'c', user_id: 'bob', active: true });
    await world.clock.advance(15_000);
    expect(world.state).toBe('live');
  });

  it('rest while the page is hidden, and look at once when it is shown', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.page.change({ isVisible: false });
    await world.clock.advance(300_000);
    expect(socket.all('ping')).toEqual([]);
    world.page.change({ isVisible: true });
    expect(socket.all('ping').length).toBe(1);
    await world.clock.advance(10_000);
    expect(world.state).toBe('waiting');
  });
});

describe('the page', () => {
  it('connects at once when the network is back', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.page.isOnline = false;
    socket.end(1006);
    expect(world.state).toBe('offline');
    world.page.change({ isOnline: true });
    await settle();
    expect(world.server.sockets.length).toBe(2);
  });

  it('is tried all the same while the browser says offline', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.page.isOnline = false;
    socket.end(1006);
    await world.clock.advance(30_000);
    await world.caughtUp();
    expect(world.state).toBe('live');
  });

  it('is not needed: tryNow does the same', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.client.tryNow();
    socket.end(1013);
    world.client.tryNow();
    await settle();
    expect(world.server.sockets.length).toBe(2);
  });

  it('becomes offline while it waits', async () => {
    const world = await World.start();
    const socket = await world.live();
    socket.end(1013);
    world.page.change({ isOnline: false });
    expect(world.state).toBe('offline');
  });
});

describe('a token that ends', () => {
  it('is renewed on the open socket, a minute before its end', async () => {
    const world = await World.start();
    const socket = await world.live();
    const pong = () => socket.receive({ op: 'pong' });
    for (let i = 0; i < 33; i++) {
      await world.clock.advance(25_000);
      pong();
    }
    await world.clock.advance(14_999);
    expect(socket.all('authenticate').length).toBe(1);
    await world.clock.advance(1);
    expect(socket.all('authenticate')[1]).toMatchObject({ access_token: 'a1' });
    socket.receive({ op: 'authenticated', expires_at: '2030-01-01T00:30:00.000Z' });
    expect(world.state).toBe('live');
    expect(world.server.sockets.length).toBe(1);
  });

  it('of a minute is renewed after half of it', async () => {
    const world = await World.start({ left: 0 });
    world.server.expiresIn = 60;
    const socket = await world.live();
    for (let i = 0; i < 30; i++) {
      await world.clock.advance(10_000);
      socket.receive({ op: 'pong' });
    }
    expect(socket.all('authenticate').length).toBe(1 + 10);
    expect(world.server.refreshes.length).toBe(1 + 10);
  });

  it.each([-3_600_000, 3_600_000])('is renewed when the clock was set by %i ms', async (jump) => {
    const world = await World.start();
    const socket = await world.live();
    world.clock.jump(jump);
    for (let i = 0; i < 150; i++) {
      await world.clock.advance(8_000);
      socket.receive({ op: 'pong' });
    }
    expect(socket.all('authenticate').length).toBe(2);
    expect(world.state).toBe('live');
    expect(world.errors).toEqual([]);
  });

  it('while offline is refreshed before the next connection', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.server.isDown = true;
    socket.end(1006);
    await world.clock.advance(3_600_000);
    expect(world.state).not.toBe('signed_out');
    world.server.isDown = false;
    world.page.change();
    await world.clock.advance(0);
    await world.caughtUp();
    expect(world.state).toBe('live');
    expect(world.server.socket.last('authenticate').access_token).toBe('a1');
  });

  it('is tried again while the socket lives when the refresh fails', async () => {
    const world = await World.start({ left: 70_000 });
    const socket = await world.live();
    let failures = 3;
    const refresh = world.server.routes.get('POST /v1/tokens/refresh')!;
    world.server.routes.set('POST /v1/tokens/refresh', (exchange) =>
      failures-- > 0 ? problem(503, 'unavailable', { 'Retry-After': '1' }) : refresh(exchange));
    for (let i = 0; i < 5; i++) {
      await world.clock.advance(10_000);
      socket.receive({ op: 'pong' });
    }
    expect(socket.all('authenticate').length).toBe(2);
    expect(world.state).toBe('live');
  });

  it('ends the connection for good when the device was removed meanwhile', async () => {
    const world = await World.start({ left: 70_000 });
    await world.live();
    world.server.isRevoked = true;
    await world.clock.advance(10_000);
    expect(world.state).toBe('signed_out');
  });

  it('drops the socket when the server refuses the new one', async () => {
    const world = await World.start({ left: 70_000 });
    const socket = await world.live();
    await world.clock.advance(10_000);
    socket.receive({ op: 'error', ref: 'authenticate', problem: { status: 401, code: 'token_invalid' } });
    expect(world.state).toBe('waiting');
  });
});

it('honours Retry-After of a refresh', async () => {
  const world = await World.start({ left: 0 });
  world.server.routes.set('POST /v1/tokens/refresh', () => problem(429, 'rate_limited', { 'Retry-After': '17' }));
  void world.client.connect().catch(() => undefined);
  await world.clock.advance(0);
  expect(world.wait).toBe(17_000);
  await world.client.close();
});

it('tells a refused frame as an error', async () => {
  const world = await World.start();
  const socket = await world.live();
  socket.receive({ op: 'error', ref: null, problem: { status: 400, code: 'unknown_op', detail: 'No.' } });
  await settle();
  expect(world.errors[0]).toBeInstanceOf(ChatError);
  expect(world.errors[0]).toMatchObject({ code: 'unknown_op', retryable: false });
});
