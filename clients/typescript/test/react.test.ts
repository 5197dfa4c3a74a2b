// @vitest-environment happy-dom
import { h, render } from 'preact';
import * as hooks from 'preact/hooks';
import { expect, it, vi } from 'vitest';
import { chatHooks, type InboxView, type MessagesView } from '../src/react/index.js';
import { World, ack, json, message, settle, update } from './fakes.js';

const { useConnectionState, useInbox, useMessages } = chatHooks(hooks);

/** Renders a hook; returns what it says now. */
function shown<T>(use: () => T): { readonly now: T; end(): void } {
  const root = document.createElement('div');
  let now!: T;
  const Shown = () => {
    now = use();
    return h('p', null);
  };
  render(h(Shown, null), root);
  return {
    get now() {
      return now;
    },
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
