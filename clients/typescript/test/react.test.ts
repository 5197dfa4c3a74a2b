// @vitest-environment happy-dom
import { h, render } from 'preact';
import * as hooks from 'preact/hooks';
import { expect, it, vi } from 'vitest';
import { chatHooks, type InboxView, type MessagesView } from '../src/react/index.js';
import { World, ack, json, message, problem, settle, update } from './fakes.js';

const { useConnectionState, useInbox, useMessages } = chatHooks(hooks);

/** Renders a hook; returns what it says now. */
function shown<T>(use: () => T): { readonly now: T; readonly all: readonly T[]; again(): void; end(): void } {
  const root = document.createElement('div');
  const all: T[] = [];
  const Shown = () => {
    all.push(use());
    return h('p', null);
  };
  const again = () => render(h(Shown, null), root);
  again();
  return {
    get now() {
      return all.at(-1)!;
    },
    all,
    again,
    end: () => render(null, root),
  };
}

/** Lets effects run, and waits until what is shown is as expected. */
async function rendered(expectation: () => void = () => undefined): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    await settle();
  }
  await vi.waitFor(expectation);
}

it('shows the state of the connection', async () => {
  const world = await World.start();
  const view = shown(() => useConnectionState(world.client));
  expect(view.now.name).toBe('idle');
  await rendered();
  await world.live();
  await rendered(() => {
    expect(view.now.name).toBe('live');
  });
  view.end();
});

it('shows messages, sends, edits and expiry, and earlier pages', async () => {
  const world = await World.start();
  const { routes } = world.server;
  routes.set('GET /v1/conversations/c/messages?limit=2', () =>
    json(200, { messages: [message(3), message(4)], next_cursor: null }));
  routes.set('GET /v1/conversations/c/messages?before_seq=3&limit=2', () =>
    json(200, { messages: [message(1), message(2)], next_cursor: null }));
  routes.set('GET /v1/conversations/c/messages/m4', () => json(200, message(4, { text: 'edited' })));
  await world.storage.set({ 'seq/c': 4 });
  const socket = await world.live();
  const view = shown<MessagesView>(() => useMessages(world.client, 'c', 2));
  const texts = () => view.now.messages.map(({ text }) => text);
  await rendered(() => {
    expect(texts()).toEqual(['text 3', 'text 4']);
    expect(view.now.hasEarlier).toBe(true);
  });
  await view.now.loadEarlier();
  await rendered(() => {
    expect(texts()).toEqual(['text 1', 'text 2', 'text 3', 'text 4']);
  });
  world.client.conversation('c').send('mine');
  await rendered(() => {
    expect(view.now.outgoing.map(({ content }) => content.text)).toEqual(['mine']);
  });
  socket.receive(ack(socket.last('send'), 5), update(6, 'message_edited', { message_id: 'm4', message_seq: 4 }));
  await rendered(() => {
    expect(view.now.outgoing).toEqual([]);
    expect(texts()).toEqual(['text 1', 'text 2', 'text 3', 'edited', 'mine']);
  });
  socket.receive(update(7, 'messages_expired', { message_ids: ['m1', 'm2'], seqs: [1, 2] }));
  socket.receive({ op: 'reset', conversation_id: 'c', last_seq: 4, incarnation: 'i1' });
  await rendered(() => {
    expect(texts()).toEqual(['text 3', 'edited']);
  });
  view.end();
});

it.each(['the first page', 'an earlier page', 'an edited message'])(
  'shows of a conversation what is of it: %s of another comes late', async (what) => {
    const world = await World.start();
    const { routes } = world.server;
    const waiting = new Map<string, () => void>();
    const late = (name: string, answer: () => Response) => async () => {
      if (name === what) await new Promise<void>((resolve) => waiting.set(name, resolve));
      return answer();
    };
    const page = (...messages: object[]) => json(200, { messages, next_cursor: null });
    const of = (conversation_id: string, seq: number, text: string) =>
      message(seq, { conversation_id, message_id: `${conversation_id}${seq}`, text });
    routes.set('GET /v1/conversations/a/messages?limit=2', late('the first page', () => page(of('a', 4, 'a4'))));
    routes.set('GET /v1/conversations/a/messages?before_seq=4&limit=2',
      late('an earlier page', () => page(of('a', 3, 'a3'))));
    routes.set('GET /v1/conversations/a/messages/a4', late('an edited message', () => json(200, of('a', 4, 'edited'))));
    routes.set('GET /v1/conversations/b/messages?limit=2', () => page(of('b', 4, 'b4')));
    await world.storage.set({ 'seq/a': 4 });
    const socket = await world.live();
    let conversation = 'a';
    const view = shown(() => ({ of: conversation, ...useMessages(world.client, conversation, 2) }));
    const texts = () => view.now.messages.map(({ text }) => text);
    if (what !== 'the first page') await rendered(() => expect(texts()).toEqual(['a4']));
    else await rendered();
    const loading = view.now.loadEarlier();
    socket.receive(update(5, 'message_edited', { message_id: 'a4', message_seq: 4 }));
    socket.receive({ ...update(5, 'message_edited', { message_id: 'a4', message_seq: 4 }), conversation_id: 'a' });
    await rendered(() => expect(waiting.size).toBe(1));
    conversation = 'b';
    view.again();
    await rendered(() => expect(texts()).toEqual(['b4']));
    for (const go of waiting.values()) go();
    await loading;
    await rendered();
    expect(texts()).toEqual(['b4']);
    for (const { of, messages } of view.all) expect(messages.every(({ text }) => /^edited$/.test(text!)
      ? of === 'a' : text!.startsWith(of))).toBe(true);
    expect(view.now.error).toBeUndefined();
    view.end();
  });

it('shows of an account its own inbox', async () => {
  const [ada, ben] = [await World.start(), await World.start()];
  ada.server.routes.set('GET /v1/conversations?limit=50', () =>
    json(200, { conversations: [{ conversation_id: 'of Ada' }], next_cursor: null }));
  ben.server.routes.set('GET /v1/conversations?limit=50', () => problem(503, 'unavailable'));
  let { client } = ada;
  const view = shown<InboxView>(() => useInbox(client));
  await rendered(() => expect(view.now.items.length).toBe(1));
  const before = view.all.length;
  ({ client } = ben);
  view.again();
  await rendered(() => expect(view.now.error).toMatchObject({ code: 'unavailable' }));
  expect(view.all.slice(before).flatMap(({ items }) => items)).toEqual([]);
  view.end();
});

it('loads the inbox one at a time: once more for all that happens meanwhile', async () => {
  const world = await World.start();
  const answers: (() => void)[] = [];
  world.server.routes.set('GET /v1/conversations?limit=50', async () => {
    const conversations = [{ conversation_id: `c${answers.length + 1}` }];
    await new Promise<void>((resolve) => answers.push(resolve));
    return json(200, { conversations, next_cursor: null });
  });
  const socket = await world.live();
  let active = 0;
  const on = world.client.on.bind(world.client);
  world.client.on = (type, handler) => {
    active++;
    const off = on(type, handler);
    return () => {
      active--;
      off();
    };
  };
  const view = shown<InboxView>(() => useInbox(world.client));
  await rendered(() => expect(answers.length).toBe(1));
  for (let seq = 1; seq <= 20; seq++) socket.receive(message(seq));
  await rendered();
  expect(answers.length).toBe(1);
  answers[0]!();
  await rendered(() => expect(answers.length).toBe(2));
  answers[1]!();
  await rendered(() => expect(view.now.items).toEqual([{ conversation_id: 'c2' }]));
  view.end();
  await rendered(() => expect(active).toBe(0));
});
