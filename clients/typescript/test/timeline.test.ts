import { describe, expect, it } from 'vitest';
import { type Message, type Reset, type Update } from '../src/index.js';
import { FailingStorage, World, ack, message, refusal, settle, update, type FakeSocket } from './fakes.js';

/** The seqs that came, in the order in which they came. */
function seqsOf(world: World): number[] {
  const seqs: number[] = [];
  world.client.on('message', ({ seq }: Message) => void seqs.push(seq));
  world.client.on('update', ({ seq }: Update) => void seqs.push(seq));
  return seqs;
}

const failsSeqs = (_: string, keys: readonly string[]) => keys.some((key) => key.startsWith('seq/'));

async function receive(socket: FakeSocket, ...frames: object[]): Promise<void> {
  socket.receive(...frames);
  await settle();
}

describe('entries', () => {
  it('are passed on in order, once, and confirmed together', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, update(0, 'conversation_started'), message(1), message(2), message(2), message(1));
    expect(seqs).toEqual([0, 1, 2]);
    expect(socket.all('delivered')).toEqual([]);
    await world.clock.advance(200);
    expect(socket.all('delivered')).toEqual([{ op: 'delivered', conversation_id: 'c', seq: 2 }]);
    expect(await world.storage.get('seq/c')).toBe(2);
  });

  it('are confirmed only when their handlers have ended', async () => {
    const world = await World.start();
    const socket = await world.live();
    let end!: () => void;
    const seen: number[] = [];
    world.client.on('message', async ({ seq }) => {
      seen.push(seq);
      await new Promise<void>((resolve) => (end = resolve));
    });
    await receive(socket, message(1), message(2));
    await world.clock.advance(5_000);
    expect(seen).toEqual([1]);
    expect(await world.storage.get('seq/c')).toBeUndefined();
    end();
    await settle();
    expect(seen).toEqual([1, 2]);
    end();
    await world.clock.advance(200);
    expect(socket.last('delivered').seq).toBe(2);
  });

  it('reach the other handlers when one throws, and the log tells', async () => {
    const logged: unknown[] = [];
    const world = await World.start({ logger: { error: (text) => logged.push(text) } });
    world.client.on('message', () => {
      throw new Error('broken');
    });
    world.client.on('message', () => Promise.reject(new Error('broken later')));
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), message(2));
    expect(seqs).toEqual([1, 2]);
    expect(logged.length).toBe(4);
  });

  it('that came over the old connection come no second time over the new one', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), message(2));
    socket.end(1006);
    await world.clock.advance(500);
    await world.open();
    await receive(world.server.welcome(), message(1), message(2), message(3), { op: 'synced' });
    expect(seqs).toEqual([1, 2, 3]);
    expect(world.state).toBe('live');
  });

  it('are remembered over processes', async () => {
    const world = await World.start();
    await receive(await world.live(), message(1), message(2));
    await world.client.close();
    const next = await World.start({ storage: world.storage });
    const seqs = seqsOf(next);
    await receive(await next.live(), message(2), message(3));
    expect(seqs).toEqual([3]);
  });

  it('are confirmed after the next welcome when the connection broke before', async () => {
    const world = await World.start();
    const socket = await world.live();
    await receive(socket, message(1));
    socket.end(1006);
    await world.clock.advance(400);
    await world.clock.advance(100);
    const next = await world.caughtUp();
    await world.clock.advance(200);
    expect(next.last('delivered')).toEqual({ op: 'delivered', conversation_id: 'c', seq: 1 });
  });

  it('are confirmed again when they come again: the confirmation was lost with its socket', async () => {
    const world = await World.start();
    const socket = await world.live();
    await receive(socket, message(1));
    await world.clock.advance(200);
    expect(socket.all('delivered').length).toBe(1);
    socket.end(1006);
    await world.clock.advance(world.wait);
    const next = world.server.welcome();
    await receive(next, message(1), { op: 'synced' });
    await world.clock.advance(200);
    expect(next.all('delivered')).toEqual([{ op: 'delivered', conversation_id: 'c', seq: 1 }]);
  });

  it('are confirmed again when they come again: the process ended before it confirmed them', async () => {
    const world = await World.start();
    await world.storage.set({ 'seq/c': 2 });
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), message(2));
    await world.clock.advance(200);
    expect(socket.all('delivered')).toEqual([{ op: 'delivered', conversation_id: 'c', seq: 2 }]);
    expect(seqs).toEqual([]);
  });

  it('that come again are not confirmed before they are stored', async () => {
    const storage = new FailingStorage();
    const world = await World.start({ storage });
    const socket = await world.live();
    storage.isFailing = failsSeqs;
    await receive(socket, message(1));
    await world.clock.advance(world.wait);
    const next = world.server.welcome();
    await receive(next, message(1));
    await world.clock.advance(200);
    expect(next.all('delivered')).toEqual([]);
  });

  it('are not confirmed when they could not be stored, and come again', async () => {
    const storage = new FailingStorage();
    const world = await World.start({ storage });
    const socket = await world.live();
    storage.isFailing = failsSeqs;
    await receive(socket, message(1));
    await world.clock.advance(200);
    expect(socket.all('delivered')).toEqual([]);
    expect(world.state).toBe('waiting');
    expect(world.errors.length).toBe(1);
    storage.isFailing = () => false;
    await world.clock.advance(world.wait);
    const next = world.server.welcome();
    await receive(next, message(1), message(2), { op: 'synced' });
    await world.clock.advance(200);
    expect(next.last('delivered').seq).toBe(2);
  });

  it('go on after a storage that failed while the socket closed', async () => {
    const world = await World.start();
    const socket = await world.live();
    const set = world.storage.set.bind(world.storage);
    let fail!: () => void;
    world.storage.set = () => new Promise((_, reject) => (fail = () => reject(new Error('full'))));
    await receive(socket, message(1));
    socket.end(1006);
    fail();
    await settle();
    world.storage.set = set;
    await world.clock.advance(world.wait);
    const next = world.server.welcome();
    await receive(next, message(1), { op: 'synced' });
    expect(world.state).toBe('live');
    await world.clock.advance(200);
    expect(next.last('delivered').seq).toBe(1);
  });

  it.each(['set', 'list'] as const)('of a storage whose %s fails hold no close up', async (call) => {
    const storage = new FailingStorage();
    const world = await World.start({ storage });
    storage.isFailing = (failing, keys) => failing === call && keys.some((key) => key.startsWith('seq/'));
    await world.open();
    await receive(world.server.welcome(), message(1), { op: 'synced' });
    await world.client.close();
    expect(world.errors[0]).toMatchObject({ detail: 'The storage failed.' });
    expect(world.state).toBe('idle');
  });

  it('of a person who was removed are forgotten, and begin anew', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), update(2, 'member_removed', { user_id: 'ada' }));
    expect(await world.storage.get('seq/c')).toBeUndefined();
    await receive(socket, update(9, 'member_added', { user_id: 'ada', role: 'member' }), message(10));
    expect(seqs).toEqual([1, 2, 9, 10]);
    expect(socket.all('sync')).toEqual([]);
  });

  it('too many for slow handlers end the socket, and come again', async () => {
    const world = await World.start();
    const socket = await world.live();
    let go!: () => void;
    const going = new Promise<void>((resolve) => (go = resolve));
    const seen: number[] = [];
    world.client.on('message', async ({ seq }) => {
      seen.push(seq);
      await going;
    });
    for (let seq = 1; seq <= 10_100; seq++) socket.receive(message(seq));
    await settle();
    expect(world.state).toBe('waiting');
    go();
    await world.clock.advance(world.wait);
    const next = world.server.welcome();
    await settle();
    for (let seq = 1; seq <= 10_100; seq++) {
      next.receive(message(seq));
      if (seq % 5_000 === 0) await settle();
    }
    await settle();
    expect(seen.length).toBe(10_100);
    expect(seen.findIndex((seq, i) => seq !== i + 1)).toBe(-1);
  });
});

describe('a full queue', () => {
  it('of entries makes no gap where one was being closed', async () => {
    const world = await World.start();
    let go!: () => void;
    const going = new Promise<void>((resolve) => (go = resolve));
    const seqs: number[] = [];
    world.client.on('message', ({ conversation_id, seq }) => {
      if (conversation_id !== 'c') return going;
      seqs.push(seq);
      return undefined;
    });
    const socket = await world.live();
    await receive(socket, message(1), message(4));
    expect(socket.all('sync').length).toBe(1);
    await receive(socket, message(1, { conversation_id: 'slow' }));
    await receive(socket, message(2), message(3), { op: 'synced' });
    for (let seq = 2; seq <= 10_000; seq++) socket.receive(message(seq, { conversation_id: 'slow' }));
    expect(world.state).toBe('waiting');
    go();
    await settle();
    expect(seqs).toEqual([1]);
    await world.clock.advance(world.wait);
    await receive(world.server.welcome(), message(2), message(3), message(4), { op: 'synced' });
    expect(seqs).toEqual([1, 2, 3, 4]);
    expect(world.state).toBe('live');
  });

  it('of other frames loses neither the end of the connection nor the next one, nor holds a close up', async () => {
    const world = await World.start();
    let go!: () => void;
    const going = new Promise<void>((resolve) => (go = resolve));
    world.client.on('receipt', () => going);
    const socket = await world.live();
    const receipt = { op: 'receipt', conversation_id: 'c', user_id: 'bob', delivered_seq: 1, read_seq: 0, at: '' };
    const fill = (into: FakeSocket) => {
      for (let i = 0; i <= 10_000; i++) into.receive(receipt);
    };
    fill(socket);
    await settle();
    fill(socket);
    await world.clock.advance(world.wait);
    const next = world.server.welcome();
    go();
    await settle();
    await receive(next, { op: 'synced' });
    expect(world.state).toBe('live');
    fill(next);
    await world.client.close();
  });
});

describe('a gap', () => {
  it('is closed by sync before anything behind it is passed on', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), message(4), message(5));
    expect(seqs).toEqual([1]);
    expect(socket.all('sync')).toEqual([{ op: 'sync', id: 'sync:c', conversations: { c: 1 } }]);
    await receive(socket, message(2), message(3), message(4), message(5), { op: 'synced' });
    expect(seqs).toEqual([1, 2, 3, 4, 5]);
    expect(socket.all('sync').length).toBe(1);
  });

  it('that the server does not fill is what this person may not see', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), message(5), message(6), message(9));
    await receive(socket, { op: 'synced' });
    expect(seqs).toEqual([1, 5, 6]);
    expect(socket.all('sync').at(-1)).toMatchObject({ conversations: { c: 6 } });
    await receive(socket, { op: 'synced' }, message(10));
    expect(seqs).toEqual([1, 5, 6, 9, 10]);
  });

  it('in the first catch-up waits for its end', async () => {
    const world = await World.start();
    await world.storage.set({ 'seq/c': 3 });
    const seqs = seqsOf(world);
    await world.open();
    const socket = world.server.welcome();
    await receive(socket, message(6));
    expect(socket.all('sync')).toEqual([]);
    await receive(socket, { op: 'synced' });
    expect(socket.last('sync')).toMatchObject({ conversations: { c: 3 } });
    expect(world.state).toBe('catching_up');
    await receive(socket, message(4), message(5), message(6), { op: 'synced' });
    expect(seqs).toEqual([4, 5, 6]);
    expect(world.state).toBe('live');
  });

  it('is asked for again when the server was too busy', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), message(3));
    await receive(socket, refusal('sync:c', 429, 'rate_limited'));
    expect(socket.all('sync').length).toBe(1);
    await world.clock.advance(2_000);
    expect(socket.all('sync').length).toBe(2);
    await receive(socket, message(2), message(3), { op: 'synced' });
    expect(seqs).toEqual([1, 2, 3]);
  });

  it('of a conversation that one has left is dropped with it', async () => {
    const world = await World.start();
    const socket = await world.live();
    await receive(socket, message(1), message(3), refusal('sync:c', 404, 'conversation_unknown'));
    expect(await world.storage.get('seq/c')).toBeUndefined();
    expect(world.client.conversation('c').lastSeq).toBeUndefined();
  });

  it('is forgotten with the connection, and closed over the next one', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1), message(3));
    socket.end(1006);
    await world.clock.advance(world.wait);
    await receive(world.server.welcome(), message(2), message(3), { op: 'synced' });
    expect(seqs).toEqual([1, 2, 3]);
    expect(world.state).toBe('live');
  });

  it('with a thousand entries behind it ends the socket', async () => {
    const world = await World.start();
    const socket = await world.live();
    await receive(socket, message(1));
    for (let seq = 3; seq <= 1_003; seq++) socket.receive(message(seq));
    await settle();
    expect(world.state).toBe('waiting');
  });
});

describe('marks', () => {
  const marksOf = (socket: FakeSocket) =>
    [socket.all('delivered').map(({ seq }) => seq), socket.all('read').map(({ seq }) => seq)];

  it.each([[429, 'rate_limited'], [500, 'internal_error'], [503, 'unavailable']])(
    'refused with %i are sent again, once for all of them', async (status, code) => {
      const world = await World.start();
      const socket = await world.live();
      await receive(socket, message(1), message(2));
      world.client.conversation('c').markRead(2);
      await world.clock.advance(250);
      await receive(socket, refusal(null, status, code), refusal(null, status, code));
      await world.clock.advance(1_999);
      expect(marksOf(socket)).toEqual([[2], [2]]);
      await world.clock.advance(5_000);
      expect(marksOf(socket)).toEqual([[2, 2], [2, 2]]);
    });

  it('refused for good are not sent again', async () => {
    const world = await World.start();
    const socket = await world.live();
    await receive(socket, message(1));
    world.client.conversation('c').markRead(9);
    await world.clock.advance(250);
    await receive(socket, refusal(null, 400, 'seq_unknown'));
    await world.clock.advance(5_000);
    expect(marksOf(socket)).toEqual([[1], [9]]);
  });

  it('refused on a connection that ends are sent over the next one', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.client.conversation('c').markRead(2);
    await world.clock.advance(250);
    await receive(socket, refusal(null, 503, 'unavailable'));
    socket.end(1006);
    await world.clock.advance(5_000);
    const next = await world.caughtUp();
    expect(marksOf(next)).toEqual([[], [2]]);
  });

  it('of a conversation that one has left are not sent again', async () => {
    const world = await World.start();
    const socket = await world.live();
    await receive(socket, message(1));
    world.client.conversation('c').markRead(1);
    await world.clock.advance(250);
    await receive(socket, update(2, 'member_removed', { user_id: 'ada' }), refusal(null, 503, 'unavailable'));
    await world.clock.advance(2_000);
    expect(marksOf(socket)).toEqual([[1], [1]]);
  });
});

describe("one's own messages", () => {
  it('come in the place of their ack', async () => {
    const world = await World.start();
    const texts: (string | null)[] = [];
    world.client.on('message', ({ text }) => void texts.push(text));
    const socket = await world.live();
    await receive(socket, update(0, 'conversation_started'));
    world.client.conversation('c').send('mine');
    await settle();
    await receive(socket, ack(socket.last('send'), 1), message(2));
    expect(texts).toEqual(['mine', 'text 2']);
  });

  it('wait for what is before them when an ack repeats an earlier answer', async () => {
    const world = await World.start();
    const texts: (string | null)[] = [];
    world.client.on('message', ({ text }) => void texts.push(text));
    const first = await world.live();
    await receive(first, update(0, 'conversation_started'));
    const outgoing = world.client.conversation('c').send('mine');
    await settle();
    first.end(1006); // The message arrived; its ack did not.
    await world.clock.advance(world.wait);
    const socket = world.server.welcome();
    await settle();
    await receive(socket, ack(socket.last('send'), 3));
    expect(await outgoing.acked).toMatchObject({ seq: 3 });
    expect(texts).toEqual([]);
    await receive(socket, message(1), message(2), message(3, { text: 'mine' }), { op: 'synced' });
    expect(texts).toEqual(['text 1', 'text 2', 'mine']);
    expect(socket.all('sync')).toEqual([]);
  });

  it('do not begin a conversation of which nothing came yet', async () => {
    const world = await World.start();
    const texts: (string | null)[] = [];
    world.client.on('message', ({ text }) => void texts.push(text));
    world.client.conversation('c').send('mine');
    await world.open();
    const socket = world.server.welcome();
    await settle();
    await receive(socket, ack(socket.last('send'), 3));
    expect(texts).toEqual([]);
    await receive(socket, message(1), message(2), { op: 'synced' });
    expect(texts).toEqual(['text 1', 'text 2', 'mine']);
  });

  it('are asked for when an ack comes that nobody waits for', async () => {
    const world = await World.start();
    const seqs = seqsOf(world);
    const socket = await world.live();
    await receive(socket, message(1));
    await receive(socket, { op: 'ack', message_id: 'x', conversation_id: 'c', seq: 2, sent_at: '' });
    expect(socket.last('sync')).toMatchObject({ conversations: { c: 1 } });
    await receive(socket, message(2), { op: 'synced' });
    expect(seqs).toEqual([1, 2]);
  });
});

describe('lost entries', () => {
  it('another incarnation syncs all conversations, drops positions, and is then remembered', async () => {
    const world = await World.start();
    await world.storage.set({ incarnation: 'i1', 'seq/a': 7, 'seq/b': 3, position: 'old' });
    const resets: Reset[] = [];
    const order: string[] = [];
    world.client.on('reset', (reset) => void resets.push(reset));
    world.client.on('state', ({ name }) => void order.push(name));
    await world.open();
    const socket = world.server.welcome({ incarnation: 'i2' });
    await settle();
    expect(socket.all('sync').map((frame) => frame.conversations)).toEqual([{ a: 7 }, { b: 3 }]);
    expect(await world.storage.get('position')).toBeUndefined();
    await receive(
      socket, { op: 'synced' }, { op: 'reset', conversation_id: 'a', last_seq: 5, incarnation: 'i2' }, { op: 'synced' },
    );
    expect(await world.storage.get('incarnation')).toBe('i1'); // Asked again after a crash here.
    await receive(socket, { op: 'synced' });
    expect(world.state).toBe('live');
    expect(resets).toEqual([{ conversation_id: 'a', last_seq: 5, incarnation: 'i2' }]);
    expect(await world.storage.get('seq/a')).toBe(5);
    expect(await world.storage.get('incarnation')).toBe('i2');
    const seqs = seqsOf(world);
    await receive(socket, message(6, { conversation_id: 'a' }), message(4, { conversation_id: 'b' }));
    expect(seqs).toEqual([6, 4]);
    await world.clock.advance(200);
    expect(socket.all('delivered')).toContainEqual({ op: 'delivered', conversation_id: 'a', seq: 6 });
  });

  it('a thousand conversations are asked for fifty at a time', async () => {
    const world = await World.start();
    await world.storage.set({ incarnation: 'i1' });
    await world.storage.set(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`seq/${i}`, 1])));
    await world.open();
    const socket = world.server.welcome({ incarnation: 'i2' });
    await settle();
    expect(socket.all('sync').length).toBe(49); // And the catch-up after the welcome.
    for (let i = 0; i <= 1_000; i++) socket.receive({ op: 'synced' });
    await settle();
    expect(socket.all('sync').length).toBe(1_000);
    expect(world.state).toBe('live');
  });

  it('the same incarnation asks for nothing', async () => {
    const world = await World.start();
    await world.storage.set({ incarnation: 'i1', 'seq/a': 7 });
    const socket = await world.live();
    expect(socket.all('sync')).toEqual([]);
  });
});

it('passes receipts, typing, presence and account frames on, and passes over unknown ones', async () => {
  const world = await World.start();
  const seen: unknown[] = [];
  for (const type of ['receipt', 'typing', 'presence', 'account', 'caught_up'] as const)
    world.client.on(type, (data) => void seen.push([type, data]));
  const socket = await world.live();
  await receive(
    socket,
    { op: 'receipt', conversation_id: 'c', user_id: 'bob', delivered_seq: 1, read_seq: 0, at: '' },
    { op: 'typing', conversation_id: 'c', user_id: 'bob', active: true },
    { op: 'presence', user_id: 'bob', online: true, last_seen: null },
    { op: 'account', kind: 'block_changed', user_id: 'bob', blocked: true },
    { op: 'more_to_come' },
  );
  expect(seen).toEqual([
    ['caught_up', {}],
    ['receipt', { conversation_id: 'c', user_id: 'bob', delivered_seq: 1, read_seq: 0, at: '' }],
    ['typing', { conversation_id: 'c', user_id: 'bob', active: true }],
    ['presence', { user_id: 'bob', online: true, last_seen: null }],
    ['account', { kind: 'block_changed', user_id: 'bob', blocked: true }],
  ]);
  expect(world.errors).toEqual([]);
});
