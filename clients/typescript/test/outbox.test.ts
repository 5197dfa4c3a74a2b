import { describe, expect, it } from 'vitest';
import { MemoryStorage, type OutgoingMessage } from '../src/index.js';
import { FailingStorage, World, ack, refusal, settle, type FakeSocket } from './fakes.js';

const texts = (socket: FakeSocket) => socket.all('send').map(({ text }) => text);

async function receive(socket: FakeSocket, ...frames: object[]): Promise<void> {
  socket.receive(...frames);
  await settle();
}

/** Acknowledges what comes, until nothing more comes. */
async function acknowledge(socket: FakeSocket, from = 0): Promise<void> {
  for (let i = from; i < socket.all('send').length; i++) await receive(socket, ack(socket.all('send')[i]!, i + 1));
}

describe('sending', () => {
  it('returns at once with an id of version 7, also offline', async () => {
    const world = await World.start();
    const outgoing = world.client.conversation('c').send('hello', { replyTo: 'm0' });
    expect(outgoing.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(outgoing.state).toBe('queued');
    expect(world.client.outbox).toEqual([outgoing]);
    const socket = await world.live();
    expect(socket.last('send')).toEqual({
      op: 'send', message_id: outgoing.id, conversation_id: 'c', type: 'text', text: 'hello', reply_to: 'm0',
    });
    expect(outgoing.state).toBe('sending');
    await receive(socket, ack(socket.last('send'), 1));
    expect(await outgoing.acked).toMatchObject({ message_id: outgoing.id, seq: 1 });
    expect(outgoing.state).toBe('sent');
    expect(world.client.outbox).toEqual([]);
    expect(await world.storage.list('outbox/')).toEqual([]);
  });

  it('keeps the order of each conversation, one message at a time, conversations side by side', async () => {
    const world = await World.start();
    const socket = await world.live();
    for (const text of ['a1', 'a2', 'a3']) world.client.conversation('a').send(text);
    for (const text of ['b1', 'b2']) world.client.conversation('b').send(text);
    await settle();
    expect(texts(socket)).toEqual(['a1', 'b1']);
    await receive(socket, ack(socket.all('send')[0]!, 1));
    expect(texts(socket)).toEqual(['a1', 'b1', 'a2']);
    await acknowledge(socket, 1);
    expect(texts(socket).filter((text) => String(text).startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
    expect(world.client.outbox).toEqual([]);
  });

  it('sends an object as it is', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.client.conversation('c').send({ type: 'poll', text: 'When?', media_object: { options: ['now', 'later'] } });
    await settle();
    expect(socket.last('send')).toMatchObject({ type: 'poll', media_object: { options: ['now', 'later'] } });
  });

  it('is stored before it is sent', async () => {
    const world = await World.start();
    const socket = await world.live();
    const stored: number[] = [];
    const set = world.storage.set.bind(world.storage);
    world.storage.set = async (entries) => {
      stored.push(socket.all('send').length);
      await set(entries);
    };
    world.client.conversation('c').send('hello');
    await settle();
    expect(stored[0]).toBe(0);
    expect(socket.all('send').length).toBe(1);
  });

  it('is not sent by a connection that opens while it is being stored', async () => {
    const world = await World.start();
    const set = world.storage.set.bind(world.storage);
    let store!: () => void;
    const storing = new Promise<void>((resolve) => (store = resolve));
    world.storage.set = async (entries) => {
      if (Object.keys(entries).some((key) => key.startsWith('outbox/'))) await storing;
      await set(entries);
    };
    world.client.conversation('c').send('hello');
    const socket = await world.live();
    expect(socket.all('send')).toEqual([]);
    store();
    await settle();
    expect(socket.all('send').length).toBe(1);
  });

  it('goes on where nothing can be stored, and tells', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.storage.set = () => Promise.reject(new Error('full'));
    world.client.conversation('c').send('hello');
    await settle();
    expect(socket.all('send').length).toBe(1);
    expect(world.errors[0]).toMatchObject({ detail: 'An outgoing message is not stored.' });
  });

  it('is stored later where it could not be at first', async () => {
    const storage = new FailingStorage();
    const world = await World.start({ storage });
    storage.isFailing = (call) => call === 'set';
    world.client.conversation('c').send('hello');
    await world.clock.advance(3_000);
    storage.isFailing = () => false;
    await world.clock.advance(30_000);
    expect((await storage.list('outbox/')).length).toBe(1);
    expect(world.clock.running).toBe(0);
  });

  it('is stored when a close has ended', async () => {
    const world = await World.start();
    world.client.conversation('c').send('hello');
    await world.client.close();
    expect((await world.storage.list('outbox/')).length).toBe(1);
  });

  it('tells each state', async () => {
    const world = await World.start();
    const states: string[] = [];
    world.client.on('outbox', ({ state }) => void states.push(state));
    const socket = await world.live();
    world.client.conversation('c').send('hello');
    await settle();
    await receive(socket, ack(socket.last('send'), 1));
    expect(states).toEqual(['queued', 'sending', 'sent']);
  });

  it('is refused where it can never go, or too much waits', async () => {
    const world = await World.start();
    const conversation = world.client.conversation('c');
    expect(() => conversation.send('ü'.repeat(262_144))).toThrow(/frame_too_large/);
    for (let i = 0; i < 10_000; i++) conversation.send('x');
    expect(() => conversation.send('x')).toThrow(/outbox_full/);
  });

  it('is refused once the client is closed', async () => {
    const world = await World.start();
    await world.client.close();
    expect(() => world.client.conversation('c').send('late')).toThrow(/closed/);
  });
});

describe('without an answer', () => {
  it.each([1001, 1006, 1008, 1011, 1013, 4401])('a close with %i sends the same id again, in order', async (code) => {
    const world = await World.start();
    const first = await world.live();
    const all = ['1', '2', '3'].map((text) => world.client.conversation('c').send(text));
    await settle();
    first.end(code);
    expect(all.map(({ state }) => state)).toEqual(['queued', 'queued', 'queued']);
    await world.clock.advance(5_000);
    const next = await world.caughtUp();
    expect(next.last('send').message_id).toBe(first.last('send').message_id);
    await acknowledge(next);
    expect(next.all('send').map(({ message_id }) => message_id)).toEqual(all.map(({ id }) => id));
    await Promise.all(all.map(({ acked }) => acked));
  });

  it('on an open socket it is sent again after 15 s', async () => {
    const world = await World.start();
    const socket = await world.live();
    const outgoing = world.client.conversation('c').send('hello');
    await settle();
    await world.clock.advance(14_999);
    expect(socket.all('send').length).toBe(1);
    await world.clock.advance(1);
    expect(socket.all('send').map(({ message_id }) => message_id)).toEqual([outgoing.id, outgoing.id]);
    await receive(socket, ack(socket.last('send'), 1), ack(socket.last('send'), 1));
    expect(outgoing.state).toBe('sent');
  });
});

describe('a refusal', () => {
  it.each([[408, 'timeout'], [429, 'rate_limited'], [500, 'internal'], [503, 'unavailable']])(
    'with %i is tried again with the same id, and nothing overtakes it', async (status, code) => {
      const world = await World.start();
      const socket = await world.live();
      const outgoing = world.client.conversation('c').send('1');
      world.client.conversation('c').send('2');
      await settle();
      await receive(socket, refusal(outgoing.id, status, code));
      expect(texts(socket)).toEqual(['1']);
      await world.clock.advance(500);
      expect(texts(socket)).toEqual(['1', '1']);
      expect(socket.last('send').message_id).toBe(outgoing.id);
      await acknowledge(socket, 1);
      expect(texts(socket)).toEqual(['1', '1', '2']);
    });

  it('keeps its wait when more is sent meanwhile', async () => {
    const world = await World.start();
    const socket = await world.live();
    const outgoing = world.client.conversation('c').send('1');
    await settle();
    await receive(socket, refusal(outgoing.id, 503, 'unavailable'));
    world.client.conversation('c').send('2');
    await settle();
    expect(texts(socket)).toEqual(['1']);
    await world.clock.advance(500);
    expect(texts(socket)).toEqual(['1', '1']);
  });

  it('again and again waits longer, up to 30 s, for ever', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.random = 0.999;
    const outgoing = world.client.conversation('c').send('1');
    await settle();
    for (let i = 0; i < 40; i++) {
      await receive(socket, refusal(outgoing.id, 503, 'unavailable'));
      const before = socket.all('send').length;
      for (let waited = 0; waited < 30_000 && socket.all('send').length === before; waited += 500) {
        await world.clock.advance(500);
        socket.receive({ op: 'pong' });
      }
      expect(socket.all('send').length).toBe(before + 1);
    }
    expect(outgoing.state).toBe('sending');
  });

  it.each([[400, 'invalid'], [403, 'blocked'], [404, 'conversation_unknown'], [409, 'message_id_reused'],
    [413, 'too_large']])('with %i parks the message with its reason, and lets the next go', async (status, code) => {
    const world = await World.start();
    const socket = await world.live();
    const outgoing = world.client.conversation('c').send('1');
    const next = world.client.conversation('c').send('2');
    await settle();
    await receive(socket, refusal(outgoing.id, status, code));
    expect(outgoing.state).toBe('parked');
    await expect(outgoing.acked).rejects.toMatchObject({ code, status, traceId: 'trace', retryable: false });
    expect(texts(socket)).toEqual(['1', '2']);
    await receive(socket, ack(socket.last('send'), 1));
    await next.acked;
    expect(world.client.outbox).toEqual([outgoing]);
    expect(world.errors).toEqual([]);
  });

  it('is no unhandled rejection where nobody waits', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', note);
    const world = await World.start();
    const socket = await world.live();
    const outgoing = world.client.conversation('c').send('1');
    await settle();
    await receive(socket, refusal(outgoing.id, 403, 'blocked'));
    process.off('unhandledRejection', note);
    expect(rejections).toEqual([]);
  });

  it('can be tried again by hand, under the same id, and a parked message outlives the process', async () => {
    const world = await World.start();
    const socket = await world.live();
    const { id } = world.client.conversation('c').send('1');
    await settle();
    await receive(socket, refusal(id, 403, 'blocked'));
    await world.client.close();
    const next = await World.start({ storage: world.storage });
    const again = await next.live();
    const [parked] = next.client.outbox;
    expect(parked).toMatchObject({ id, state: 'parked', error: { code: 'blocked', status: 403 } });
    expect(again.all('send')).toEqual([]);
    parked!.retry();
    await settle();
    await receive(again, ack(again.last('send'), 1));
    expect(parked!.state).toBe('sent');
    expect(await next.storage.list('outbox/')).toEqual([]);
  });
});

describe('cancelling', () => {
  it('takes back what waits, and lets the next go', async () => {
    const world = await World.start();
    const [first, second, third] = ['1', '2', '3'].map((text) => world.client.conversation('c').send(text));
    await settle();
    expect(second!.cancel()).toBe(true);
    await expect(second!.acked).rejects.toMatchObject({ code: 'cancelled' });
    expect(second!.cancel()).toBe(false);
    const socket = await world.live();
    expect(first!.cancel()).toBe(false); // It is on its way.
    await acknowledge(socket);
    expect(texts(socket)).toEqual(['1', '3']);
    expect(third!.state).toBe('sent');
    expect(await world.storage.list('outbox/')).toEqual([]);
  });

  it('right after sending leaves nothing in the storage', async () => {
    const world = await World.start();
    const outgoing = world.client.conversation('c').send('1');
    expect(outgoing.cancel()).toBe(true);
    await settle();
    expect(await world.storage.list('outbox/')).toEqual([]);
  });

  it.each(['later', 'by the close'])('that cannot be stored is stored %s', async (when) => {
    const storage = new FailingStorage();
    const world = await World.start({ storage });
    const outgoing = world.client.conversation('c').send('1');
    await settle();
    storage.isFailing = (call) => call === 'set';
    expect(outgoing.cancel()).toBe(true);
    await settle();
    expect((await storage.list('outbox/')).length).toBe(1);
    storage.isFailing = () => false;
    await (when === 'later' ? world.clock.advance(1_000) : world.client.close());
    expect(await storage.list('outbox/')).toEqual([]);
  });

  it('of a message that waits for its next try ends the wait of the others', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.random = 0.999;
    const first = world.client.conversation('c').send('1');
    world.client.conversation('c').send('2');
    await settle();
    await receive(socket, refusal(first.id, 503, 'unavailable'));
    expect(first.cancel()).toBe(true);
    await settle();
    expect(texts(socket)).toEqual(['1', '2']);
  });
});

describe('another process', () => {
  it('takes up what was left, with the same ids and in the same order, before what is new', async () => {
    const world = await World.start();
    const first = await world.live();
    const left = ['1', '2', '3'].map((text) => world.client.conversation('c').send(text));
    await settle();
    expect(texts(first)).toEqual(['1']);
    await world.client.close(); // Killed, for what the storage knows.
    world.clock.jump(-3_600_000);
    const next = await World.start({ storage: world.storage });
    next.clock.jump(-7_200_000);
    next.client.conversation('c').send('4');
    const socket = await next.live();
    await acknowledge(socket);
    expect(texts(socket)).toEqual(['1', '2', '3', '4']);
    expect(socket.all('send').slice(0, 3).map(({ message_id }) => message_id)).toEqual(left.map(({ id }) => id));
  });

  it('takes up what was left where the storage failed at first', async () => {
    const earlier = await World.start();
    earlier.client.conversation('c').send('left');
    await earlier.client.close();
    const storage = new FailingStorage();
    await storage.set(Object.fromEntries(await earlier.storage.list('')));
    storage.isFailing = (call, keys) => call === 'list' && keys.includes('outbox/');
    const world = await World.start({ storage });
    await world.open();
    expect(world.errors.length).toBe(1);
    storage.isFailing = () => false;
    expect(texts(await world.caughtUp())).toEqual(['left']);
  });

  it('takes up what was left after a close, a connection and a close', async () => {
    const world = await World.start();
    const other = await World.start({ storage: world.storage });
    await world.live();
    await world.client.close();
    other.client.conversation('c').send('left');
    await other.client.close();
    expect(texts(await world.live())).toEqual(['left']);
  });

  it('keeps the order over two restarts with a clock that goes backwards', async () => {
    const storage = new MemoryStorage();
    for (const text of ['1', '2', '3']) {
      const world = await World.start({ storage });
      world.clock.jump(-Number(text) * 3_600_000);
      world.client.conversation('c').send(text);
      await settle();
      await world.client.close();
    }
    const world = await World.start({ storage });
    const socket = await world.live();
    await acknowledge(socket);
    expect(texts(socket)).toEqual(['1', '2', '3']);
  });

  it('of two at once, only the first takes up what was left; the second does when the first ends', async () => {
    const earlier = await World.start();
    const left = earlier.client.conversation('c').send('left');
    await settle();
    await earlier.client.close();
    const one = await World.start({ storage: earlier.storage });
    const two = await World.start({ storage: earlier.storage });
    await one.open();
    await two.open();
    await settle();
    expect(one.client.outbox.map(({ id }) => id)).toEqual([left.id]);
    expect(two.client.outbox).toEqual([]);
    await one.client.close();
    await settle();
    expect(two.client.outbox.map(({ id }: OutgoingMessage) => id)).toEqual([left.id]);
  });
});
