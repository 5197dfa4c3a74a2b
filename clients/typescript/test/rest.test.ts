import { describe, expect, it } from 'vitest';
import { ChatError } from '../src/index.js';
import { FailingStorage, World, hanging, json, problem, settle } from './fakes.js';

describe('errors', () => {
  it('carry everything that the problem says', async () => {
    const world = await World.start();
    world.server.routes.set('GET /v1/users/me', () =>
      json(400, { status: 400, code: 'invalid', detail: 'No.', trace_id: 't', errors: { name: ['too long'] } }, {
        'Retry-After': '3',
      }));
    const error = await world.client.me().catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ChatError);
    expect(error).toMatchObject({
      code: 'invalid', status: 400, detail: 'No.', traceId: 't', errors: { name: ['too long'] }, retryAfter: 3_000,
      retryable: false,
    });
  });

  it('of something that is not this server keep the status', async () => {
    const world = await World.start();
    world.server.routes.set('GET /v1/users/me', () => new Response('<html>', { status: 502 }));
    await expect(world.client.me()).rejects.toMatchObject({ code: 'bad_answer', status: 502, retryable: true });
  });

  it('without an answer are `network`, with the cause', async () => {
    const world = await World.start();
    world.server.isDown = true;
    const error = await world.client.me().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'network', status: 0, retryable: true });
    expect((error as Error).cause).toBeInstanceOf(TypeError);
  });

  it('come when an answer takes longer than 30 s', async () => {
    const world = await World.start();
    const fetch = async (_: unknown, init?: RequestInit) =>
      new Promise<Response>((_resolve, reject) =>
        init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason as Error)));
    const other = await World.start({ server: world.server, fetch });
    const failed = expect(other.client.me()).rejects.toMatchObject({ code: 'network' });
    await other.clock.advance(30_000);
    await failed;
  });

  it('come when the body of an answer takes longer than 30 s, and the token lock is free again', async () => {
    const world = await World.start({ left: 0 });
    const refresh = world.server.routes.get('POST /v1/tokens/refresh')!;
    world.server.routes.set('POST /v1/tokens/refresh', ({ signal }) => hanging(signal));
    world.server.routes.set('GET /v1/users/me', () => json(200, { user_id: 'ada' }));
    const failed = expect(world.client.me()).rejects.toMatchObject({ code: 'network', retryable: true });
    await world.clock.advance(30_000);
    await failed;
    world.server.routes.set('POST /v1/tokens/refresh', refresh);
    expect(await world.client.me()).toEqual({ user_id: 'ada' });
  });

  it('of an abort stay the AbortError while the body comes', async () => {
    const world = await World.start();
    world.server.routes.set('GET /v1/users/me', ({ signal }) => hanging(signal));
    const ending = new AbortController();
    const failed = expect(world.client.me({ signal: ending.signal })).rejects.toMatchObject({ name: 'AbortError' });
    await settle();
    ending.abort();
    await failed;
  });

  it('keep the status where the body breaks off', async () => {
    const world = await World.start();
    world.server.routes.set('GET /v1/users/me', () =>
      new Response(new ReadableStream({ pull: (body) => body.error(new TypeError('terminated')) }), { status: 403 }));
    await expect(world.client.me()).rejects.toMatchObject({ code: 'bad_answer', status: 403 });
  });

  it('of an abort stay the AbortError', async () => {
    const world = await World.start();
    await expect(world.client.me({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('read your writes', () => {
  it('sends back the position of the last command with every GET, also from another process', async () => {
    const world = await World.start();
    world.server.routes.set('PATCH /v1/conversations/c/messages/m', () => json(204, null, { 'Chat-Position': 'p1' }));
    world.server.routes.set('GET /v1/users/me', () => json(200, {}));
    await world.client.conversation('c').edit('m', 'better');
    await world.client.me();
    expect(world.server.requests.at(-1)!.headers.get('Chat-Min-Position')).toBe('p1');
    const next = await World.start({ server: world.server, storage: world.storage });
    await next.client.me();
    expect(world.server.requests.at(-1)!.headers.get('Chat-Min-Position')).toBe('p1');
  });

  it('is no reason to fail where the storage fails, and is tried again', async () => {
    const storage = new FailingStorage();
    const world = await World.start({ storage });
    await storage.set({ position: 'p0' });
    world.server.routes.set('PATCH /v1/conversations/c/messages/m', () => json(204, null, { 'Chat-Position': 'p1' }));
    world.server.routes.set('GET /v1/users/me', () => json(200, {}));
    storage.isFailing = (_, keys) => keys.includes('position');
    await world.client.me();
    expect(world.server.requests.at(-1)!.headers.has('Chat-Min-Position')).toBe(false);
    storage.isFailing = (call) => call === 'set';
    await world.client.me();
    expect(world.server.requests.at(-1)!.headers.get('Chat-Min-Position')).toBe('p0');
    await world.client.conversation('c').edit('m', 'better');
    await world.client.me();
    expect(world.server.requests.at(-1)!.headers.get('Chat-Min-Position')).toBe('p1');
  });

  it('forgets a position that the server does not know', async () => {
    const world = await World.start();
    await world.storage.set({ position: 'lost' });
    world.server.routes.set('GET /v1/users/me', ({ headers }) =>
      headers.has('Chat-Min-Position') ? problem(400, 'position_unknown') : json(200, { user_id: 'ada' }));
    expect(await world.client.me()).toEqual({ user_id: 'ada' });
    expect(await world.storage.get('position')).toBeUndefined();
  });
});

describe('a download', () => {
  it('may take longer than 30 s, and ends with its signal', async () => {
    const world = await World.start();
    let send!: (bytes: string) => void;
    let end!: () => void;
    world.server.routes.set('GET /v1/media/download', ({ signal }) =>
      new Response(new ReadableStream({
        start(body) {
          send = (bytes) => body.enqueue(new TextEncoder().encode(bytes));
          end = () => body.close();
          signal!.addEventListener('abort', () => body.error(signal!.reason));
        },
      })));
    const downloading = world.client.download('f');
    await settle();
    send('slow');
    await world.clock.advance(60_000);
    send('ly');
    end();
    expect(await (await downloading).text()).toBe('slowly');
    const ending = new AbortController();
    const ended = expect(world.client.download('f', { signal: ending.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await settle();
    ending.abort();
    await ended;
  });
});

describe('a conversation', () => {
  it('pages backwards through its history', async () => {
    const world = await World.start();
    const pages: Record<string, number[]> = {
      '?limit=2': [3, 4], '?before_seq=3&limit=2': [1, 2], '?before_seq=1&limit=2': [],
    };
    for (const [query, seqs] of Object.entries(pages))
      world.server.routes.set(`GET /v1/conversations/c/messages${query}`, () =>
        json(200, { messages: seqs.map((seq) => ({ seq })), next_cursor: null }));
    const conversation = world.client.conversation('c');
    const seen: number[] = [];
    let before: number | null | undefined;
    do {
      const page = await conversation.history({ limit: 2, ...(before != null && { before }) });
      seen.unshift(...page.messages.map(({ seq }) => seq));
      before = page.before;
    } while (before !== null);
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['edit', 'PATCH', '/messages/m', { text: 'x' }],
    ['react', 'PUT', '/messages/m/reaction', { emoji: '👍' }],
    ['unreact', 'DELETE', '/messages/m/reaction', {}],
    ['vote', 'PUT', '/messages/m/vote', { options: [0, 2] }],
    ['unvote', 'DELETE', '/messages/m/vote', {}],
    ['delete', 'DELETE', '/messages/m', {}],
    ['addMembers', 'POST', '/members', { user_ids: ['bob'] }],
    ['removeMember', 'DELETE', '/members/bob', {}],
    ['setRole', 'PUT', '/members/bob/role', { role: 'admin' }],
    ['change', 'PATCH', '', { title: 'T' }],
    ['settings', 'PATCH', '/settings', { pinned: true }],
  ])('%s', async (what, method, path, body) => {
    const world = await World.start();
    const conversation = world.client.conversation('c');
    world.server.routes.set(`${method} /v1/conversations/c${path}`, () => json(204, null));
    const calls: Record<string, () => Promise<void>> = {
      edit: () => conversation.edit('m', 'x'),
      react: () => conversation.react('m', '👍'),
      unreact: () => conversation.react('m', null),
      vote: () => conversation.vote('m', [0, 2]),
      unvote: () => conversation.vote('m', []),
      delete: () => conversation.delete('m'),
      addMembers: () => conversation.addMembers(['bob']),
      removeMember: () => conversation.removeMember('bob'),
      setRole: () => conversation.setRole('bob', 'admin'),
      change: () => conversation.change({ title: 'T' }),
      settings: () => conversation.settings({ pinned: true }),
    };
    await calls[what]!();
    expect(world.server.requests.at(-1)).toMatchObject({ method, path: `/v1/conversations/c${path}`, body });
  });

  it('merges read marks, and sends them again after a reconnect', async () => {
    const world = await World.start();
    const socket = await world.live();
    const conversation = world.client.conversation('c');
    for (const seq of [3, 5, 4]) conversation.markRead(seq);
    await world.clock.advance(250);
    expect(socket.all('read')).toEqual([{ op: 'read', conversation_id: 'c', seq: 5 }]);
    conversation.markRead(5);
    await world.clock.advance(250);
    expect(socket.all('read').length).toBe(1);
    socket.end(1006);
    conversation.markRead(6);
    await world.clock.advance(world.wait);
    const next = await world.caughtUp();
    expect(next.all('read')).toEqual([{ op: 'read', conversation_id: 'c', seq: 6 }]);
  });

  it('forgets a read mark beyond the end after a reset', async () => {
    const world = await World.start();
    const socket = await world.live();
    world.client.conversation('c').markRead(9);
    await world.clock.advance(250);
    socket.receive({ op: 'reset', conversation_id: 'c', last_seq: 4, incarnation: 'i1' });
    await settle();
    world.client.conversation('c').markRead(5);
    await world.clock.advance(250);
    expect(socket.last('read').seq).toBe(5);
  });

  it('passes typing on at most every three seconds', async () => {
    const world = await World.start();
    const socket = await world.live();
    const conversation = world.client.conversation('c');
    for (let i = 0; i < 10; i++) {
      conversation.typing();
      await world.clock.advance(500);
    }
    expect(socket.all('typing').length).toBe(2);
    conversation.typing(false);
    expect(socket.last('typing')).toEqual({ op: 'typing', conversation_id: 'c', active: false });
    conversation.typing();
    expect(socket.all('typing').length).toBe(4);
  });
});

it('the inbox is read page by page', async () => {
  const world = await World.start();
  world.server.routes.set('GET /v1/conversations?limit=200', () =>
    json(200, { conversations: [{ conversation_id: 'a' }], next_cursor: 'x/y' }));
  world.server.routes.set('GET /v1/conversations?cursor=x%2Fy&limit=200', () =>
    json(200, { conversations: [{ conversation_id: 'b' }], next_cursor: null }));
  const ids: string[] = [];
  for await (const { conversation_id } of world.client.inbox) ids.push(conversation_id);
  expect(ids).toEqual(['a', 'b']);
});

it('a group has an id of the client, so that a retry finds it', async () => {
  const world = await World.start();
  world.server.routes.set('POST /v1/conversations', ({ body }) => json(201, { conversation_id: body.conversation_id }));
  const group = await world.client.inbox.startGroup('Friends', ['bob'], { id: 'g' });
  expect(group).toBe(world.client.conversation('g'));
  expect((await world.client.inbox.startGroup('Others', ['bob'])).id).toMatch(/-7/);
});

describe('events', () => {
  it('come as an async iterator, and end with the signal', async () => {
    const world = await World.start();
    const ending = new AbortController();
    const types: string[] = [];
    const reading = (async () => {
      for await (const event of world.client.events({ signal: ending.signal })) {
        types.push(event.type);
        if (event.type === 'caught_up') ending.abort();
      }
    })();
    await world.live();
    await reading;
    expect(types).toEqual(['state', 'state', 'state', 'caught_up']);
  });

  it('end when the reader leaves its loop', async () => {
    const world = await World.start();
    const events = world.client.events();
    await world.live();
    for await (const event of events) if (event.type === 'state') break;
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });

  it('too many for a slow reader are an error, not a leak', async () => {
    const world = await World.start();
    const events = world.client.events();
    const socket = await world.live();
    for (let i = 0; i < 10_001; i++) socket.receive({ op: 'presence', user_id: 'bob', online: true, last_seen: null });
    await settle();
    const read = async () => {
      let count = 0;
      for await (const _ of events) count++;
      return count;
    };
    await expect(read()).rejects.toMatchObject({ code: 'overrun' });
  });

  it('end for one handler when it is taken off', async () => {
    const world = await World.start();
    let count = 0;
    const off = world.client.on('state', () => void count++);
    off();
    await world.live();
    expect(count).toBe(0);
  });
});
