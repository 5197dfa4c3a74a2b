// The contract between the SDK and a server, as one list for every runtime: each spec gets people of its own.
import { ChatError } from '@chatcqrs/client';
import { check, equal, eventCame, eventually, failure, newPhone, textCame, updateCame } from './people.js';

const range = (length, from = 0) => Array.from({ length }, (_, i) => from + i);

/** A fetch that loses the answer to the first request which `isIt` picks. */
function losing(isIt) {
  const lost = { count: 0 };
  lost.fetch = async (url, init) => {
    const answer = await fetch(url, init);
    if (lost.count > 0 || !isIt(String(url), init)) return answer;
    await answer.arrayBuffer();
    lost.count++;
    throw new TypeError('The answer is lost.');
  };
  return lost;
}

/** Ends the stored access token, as far as the client knows. */
async function age(person, left) {
  const tokens = await person.storage.get('tokens');
  await person.storage.set({ tokens: { ...tokens, expires_at: Date.now() + left } });
}

/** A PNG's first bytes, and random ones. */
function picture(size) {
  const bytes = new Uint8Array(size);
  for (let from = 0; from < size; from += 65_536) crypto.getRandomValues(bytes.subarray(from, from + 65_536));
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return bytes;
}

export const specs = {
  'a server tells what it is': async ({ people }) => {
    const server = await people.client().server();
    equal(server.api_versions, ['v1']);
    check(server.limits.frame_bytes === 524_288 && server.incarnation.length === 36, 'limits and incarnation');
  },

  'messages cross, are acknowledged, delivered and read': async ({ people }) => {
    const { ada, bob, adas, bobs } = await people.pair();
    const outgoing = adas.send('Hello Bob');
    const { seq, message_id } = await outgoing.acked;
    equal([outgoing.state, message_id], ['sent', outgoing.id]);
    const got = await textCame(bob, 'Hello Bob');
    equal([got.seq, got.sender_id, got.message_id], [seq, ada.id, outgoing.id]);
    await eventCame(ada, 'receipt', (receipt) => receipt.delivered_seq >= seq);
    bobs.markRead(seq);
    await eventCame(ada, 'receipt', (receipt) => receipt.read_seq >= seq);
    await eventually(async () => (await adas.message(outgoing.id)).status === 'read', 'the status is read');
    const [recipient] = await adas.receipts(outgoing.id);
    check(recipient.user_id === bob.id && recipient.read_at, 'the receipts name Bob');
    bobs.send('Hello Ada', { replyTo: message_id });
    equal((await textCame(ada, 'Hello Ada')).reply_to, message_id);
    equal(ada.messages.map(({ text }) => text), ['Hello Bob', 'Hello Ada']);
  },

  'a burst keeps its order, in two conversations at once': async ({ people }) => {
    const { ada, bob, adas } = await people.pair();
    const cid = await people.person('Cid');
    const others = await ada.client.inbox.startDirect(cid.id);
    for (const i of range(50)) {
      adas.send(`to Bob ${i}`);
      others.send(`to Cid ${i}`);
    }
    await Promise.all(ada.client.outbox.map(({ acked }) => acked));
    await cid.client.connect();
    await textCame(bob, 'to Bob 49');
    await textCame(cid, 'to Cid 49');
    equal(bob.messages.map(({ text }) => text), range(50).map((i) => `to Bob ${i}`));
    equal(cid.messages.map(({ text }) => text), range(50).map((i) => `to Cid ${i}`));
  },

  'what came while a device was away comes once, in order, and not again': async ({ people }) => {
    const { ada, bob, adas } = await people.pair();
    adas.send('before');
    await textCame(bob, 'before');
    await bob.client.close();
    for (const i of range(30)) adas.send(`missed ${i}`);
    await Promise.all(ada.client.outbox.map(({ acked }) => acked));
    const again = people.client({ storage: bob.storage });
    const texts = [];
    again.on('message', ({ text }) => void texts.push(text));
    await again.connect();
    equal(texts, range(30).map((i) => `missed ${i}`));
    await again.close();
    const third = people.client({ storage: bob.storage });
    third.on('message', ({ text }) => void texts.push(text));
    await third.connect();
    equal(texts.length, 30, 'nothing comes again');
  },

  'what was written offline goes out with the connection, also in another process': async ({ people }) => {
    const { ada, bob, adas } = await people.pair();
    await ada.client.close();
    const offline = people.client({ storage: ada.storage });
    const ids = range(5).map((i) => offline.conversation(adas.id).send(`offline ${i}`).id);
    await eventually(async () => (await ada.storage.list('outbox/')).length === 5, 'all are stored');
    await offline.close();
    const online = people.client({ storage: ada.storage });
    await online.connect();
    await textCame(bob, 'offline 4');
    equal(bob.messages.map(({ message_id }) => message_id), ids);
    await eventually(async () => (await ada.storage.list('outbox/')).length === 0, 'nothing is left');
  },

  'a message id sent again gets the first answer': async ({ people }) => {
    const { ada, adas } = await people.pair();
    const first = await adas.send('once').acked;
    const body = { message_id: first.message_id, conversation_id: adas.id, type: 'text', text: 'once' };
    const answer = await ada.client.call('POST', '/v1/messages', { body });
    equal([answer.status, (await answer.json()).seq], [200, first.seq]);
    const error = await failure(ada.client.call('POST', '/v1/messages', { body: { ...body, text: 'other' } }));
    equal([error.code, error.status, error.retryable], ['message_id_reused', 409, false]);
  },

  'edits, reactions and deletions come as updates, and are read at once': async ({ people }) => {
    const { bob, adas, bobs } = await people.pair();
    const { message_id } = await adas.send('frist').acked;
    await adas.edit(message_id, 'first');
    equal((await adas.message(message_id)).text, 'first', 'read your writes');
    equal((await updateCame(bob, 'message_edited')).data.text, 'first');
    await bobs.react(message_id, '👍');
    equal((await bobs.message(message_id)).reactions, { '👍': [bob.id] });
    await bobs.react(message_id, null);
    equal((await bobs.message(message_id)).reactions, {});
    await adas.delete(message_id);
    await updateCame(bob, 'message_deleted');
    equal((await failure(bobs.edit(message_id, 'x'))).status, 403);
  },

  'polls are voted in': async ({ people }) => {
    const { ada, bob, adas, bobs } = await people.pair();
    const poll = { type: 'poll', text: 'When?', media_object: { options: ['now', 'later'] } };
    const { message_id } = await adas.send(poll).acked;
    await eventually(() => bob.messages.length === 1, 'the poll comes');
    await bobs.vote(message_id, [1]);
    equal((await bobs.message(message_id)).votes, { 1: [bob.id] });
    equal((await updateCame(ada, 'vote_set')).data.options, [1]);
    await bobs.vote(message_id, []);
    await updateCame(ada, 'vote_cleared');
    equal((await failure(bobs.vote(message_id, [0, 1]))).status, 400);
    equal((await failure(bobs.vote((await adas.send('text').acked).message_id, [0]))).code, 'not_a_poll');
  },

  'history pages backwards, and timelines have every entry': async ({ people }) => {
    const { adas } = await people.pair();
    const sent = [];
    for (const i of range(25)) sent.push(await adas.send(`${i}`).acked);
    const newest = async () => (await adas.history({ limit: 1 })).messages[0]?.seq === sent.at(-1).seq;
    await eventually(newest, 'the history has what was sent over the socket');
    const texts = [];
    let before;
    do {
      const page = await adas.history({ limit: 10, ...(before !== undefined && { before }) });
      texts.unshift(...page.messages.map(({ text }) => text));
      before = page.before ?? undefined;
    } while (before !== undefined);
    equal(texts, range(25).map(String));
    const after = await adas.history({ after: sent[20].seq, limit: 2 });
    equal(after.messages.map(({ text }) => text), ['21', '22']);
    const { entries } = await adas.timeline({ limit: 200 });
    equal(entries.map(({ seq }) => seq), range(entries.length));
  },

  'groups: members, roles, titles, leaving': async ({ people }) => {
    const { ada, bob } = await people.pair();
    const cid = await people.person('Cid');
    const id = ada.client.newId();
    const group = await ada.client.inbox.startGroup('Friends', [bob.id], { id });
    equal((await ada.client.inbox.startGroup('Friends', [bob.id], { id })).id, group.id, 'a retry finds the group');
    await group.addMembers([cid.id]);
    await group.setRole(bob.id, 'admin');
    await group.change({ title: 'Better friends' });
    const details = await group.details();
    equal([details.title, details.members.length], ['Better friends', 3]);
    equal((await group.members()).find(({ user_id }) => user_id === bob.id).role, 'admin');
    await updateCame(bob, 'group_renamed');
    await group.removeMember(cid.id);
    equal((await failure(cid.client.conversation(id).details())).status, 404);
    await bob.client.conversation(id).removeMember(bob.id);
    await updateCame(ada, 'member_left');
    equal((await group.members()).length, 1);
  },

  'the inbox shows whom conversations are with': async ({ people }) => {
    const { ada, bob, adas } = await people.pair();
    const { seq } = await adas.send('newest').acked;
    await eventually(async () => (await bob.client.inbox.page()).conversations[0]?.last_seq === seq, 'Bob sees it');
    const { conversations } = await bob.client.inbox.page();
    const [item] = conversations;
    equal([item.with.user_id, item.with.name, item.member_count, item.unread_count], [ada.id, 'Ada', 2, 1]);
    const all = [];
    for await (const { conversation_id } of ada.client.inbox) all.push(conversation_id);
    equal(all, [adas.id]);
  },

  'settings and blocks reach the other devices of a person': async ({ people }) => {
    const { ada, bob, adas } = await people.pair();
    const second = await people.person('Ada', { phone: ada.phone });
    await second.client.connect();
    await adas.settings({ pinned: true });
    const change = await eventCame(second, 'account', ({ kind }) => kind === 'settings_changed');
    equal([change.conversation_id, change.pinned], [adas.id, true]);
    await ada.client.block(bob.id);
    const block = await eventCame(second, 'account', ({ kind }) => kind === 'block_changed');
    equal([block.user_id, block.blocked], [bob.id, true]);
  },

  'typing and presence': async ({ people }) => {
    const { ada, bob, adas, bobs } = await people.pair();
    await adas.send('hello').acked;
    await textCame(bob, 'hello');
    bobs.typing();
    equal((await eventCame(ada, 'typing')).user_id, bob.id);
    await bobs.send('hello').acked; // Who has never written to somebody is not shown to them.
    ada.client.watchPresence([bob.id]);
    equal((await eventCame(ada, 'presence')).online, true);
    await bob.client.close();
    await eventCame(ada, 'presence', ({ online }) => !online);
  },

  'a refused message is parked with its reason, and the next one goes': async ({ people }) => {
    const { ada, bob, adas, bobs } = await people.pair();
    await adas.send('fine').acked;
    await bob.client.block(ada.id);
    const refused = adas.send('not any more');
    const error = await failure(refused.acked);
    check(error instanceof ChatError && error.traceId, 'it is a ChatError with a trace');
    equal([error.code, error.status, refused.state], ['blocked', 403, 'parked']);
    await bob.client.block(ada.id, false);
    await adas.send('again').acked;
    refused.retry();
    await eventually(() => refused.state === 'sent', 'the parked one is sent');
    await textCame(bob, 'not any more');
    equal(bob.messages.map(({ text }) => text), ['fine', 'again', 'not any more']);
  },

  'errors name fields, strangers get 404, aborts stay aborts': async ({ people }) => {
    const { ada, adas } = await people.pair();
    const eve = await people.person('Eve');
    const stranger = await failure(eve.client.conversation(adas.id).history());
    equal([stranger.code, stranger.status], ['conversation_unknown', 404]);
    const invalid = await failure(adas.history({ limit: 1_000 }));
    equal([invalid.code, invalid.status], ['invalid', 400]);
    check(Object.keys(invalid.errors).length > 0, 'it names the field');
    equal((await failure(ada.client.me({ signal: AbortSignal.abort() }))).name, 'AbortError');
  },

  'a lost answer to a refresh signs nobody out': async ({ people }) => {
    const lost = losing((url) => url.endsWith('/v1/tokens/refresh'));
    const ada = await people.person('Ada', { fetch: lost.fetch });
    const before = await ada.storage.get('tokens');
    await age(ada, 0);
    const error = await failure(ada.client.me());
    equal([error.code, error.retryable, lost.count], ['network', true, 1]);
    equal((await ada.client.me()).user_id, ada.id);
    check((await ada.storage.get('tokens')).refresh_token !== before.refresh_token, 'the tokens are new');
    await ada.client.connect();
  },

  'two clients on one token store refresh at once, again and again': async ({ people }) => {
    const ada = await people.person('Ada');
    const other = people.client({ storage: ada.storage });
    for (let i = 0; i < 5; i++) {
      await age(ada, 0);
      await Promise.all([ada.client.me(), other.me(), ada.client.me(), other.me()]);
    }
    equal(await other.session(), { user_id: ada.id, device_id: ada.device });
  },

  'two processes refresh at once under the lock of their store': async ({ people }) => {
    const ada = await people.person('Ada');
    let turn = Promise.resolve();
    const lock = (_, run) => {
      const mine = turn.then(run);
      turn = mine.catch(() => undefined);
      return mine;
    };
    // Each has an object of its own, as processes have; the entries and the lock are the same.
    const apart = () => ({
      get: (key) => ada.storage.get(key),
      list: (prefix) => ada.storage.list(prefix),
      set: (entries) => ada.storage.set(entries),
      lock,
    });
    const clients = range(2).map(() => people.client({ storage: apart() }));
    for (let i = 0; i < 10; i++) {
      await age(ada, 0);
      await Promise.all(clients.map((client) => client.me()));
    }
    equal(await ada.client.session(), { user_id: ada.id, device_id: ada.device });
  },

  'an open socket lives on under a new token': async ({ people }) => {
    const logged = [];
    const ada = await people.person('Ada', { logger: { debug: (text) => logged.push(text) } });
    await age(ada, 60_500); // It is renewed a minute before its end, at the earliest after a second.
    const states = [];
    await ada.client.connect();
    ada.client.on('state', ({ name }) => void states.push(name));
    await eventually(() => logged.some((text) => text.includes('new token')), 'the socket is authenticated anew');
    equal((await ada.client.me()).user_id, ada.id);
    equal([ada.client.state.name, states], ['live', []]);
  },

  'a token that the server does not know is refreshed': async ({ people }) => {
    const ada = await people.person('Ada');
    const tokens = await ada.storage.get('tokens');
    await ada.storage.set({ tokens: { ...tokens, access_token: `${tokens.access_token.slice(0, -4)}AAAA` } });
    equal((await ada.client.me()).user_id, ada.id);
    await ada.storage.set({ tokens: { ...(await ada.storage.get('tokens')), access_token: 'none' } });
    await ada.client.connect();
  },

  'a removed device is signed out at once, and keeps no token': async ({ people }) => {
    const ada = await people.person('Ada');
    const second = await people.person('Ada', { phone: ada.phone });
    await second.client.connect();
    equal((await ada.client.devices()).length, 2);
    await ada.client.removeDevice(second.device);
    await eventually(() => second.client.state.name === 'signed_out', 'it is signed out');
    equal(await second.storage.get('tokens'), undefined);
    equal((await failure(second.client.me())).code, 'signed_out');
    await ada.client.signOut();
    equal(await ada.storage.list(''), []);
  },

  'the next person on a client gets nothing of the one before': async ({ people }) => {
    const { ada, bob, adas } = await people.pair();
    await adas.send('from Ada').acked;
    await bob.client.block(ada.id);
    const refused = adas.send('not any more');
    await failure(refused.acked);
    await bob.client.block(ada.id, false);
    await ada.client.signOut();
    equal([refused.state, ada.client.outbox.length, await ada.storage.list('')], ['cancelled', 0, []]);
    const { code } = await ada.client.register(newPhone(), 'Cid');
    const cid = await ada.client.verify(code);
    await ada.client.connect();
    const cids = await ada.client.inbox.startDirect(bob.id);
    await cids.send('from Cid').acked;
    equal((await textCame(bob, 'from Cid')).sender_id, cid.user_id);
    equal(bob.messages.map(({ text }) => text), ['from Ada', 'from Cid']);
  },

  'a device is linked by its code, approved once, and refused without it': async ({ people }) => {
    const ada = await people.person('Ada');
    const browser = people.client({ device: { name: 'Browser', platform: 'web', ephemeral: true } });
    const link = await browser.link();
    const request = await ada.client.readLink(link.uri);
    equal(request.device.name, 'Browser');
    await request.approve();
    equal((await link.approved).user_id, ada.id);
    await browser.connect();
    equal((await failure(request.approve())).code, 'link_settled');
    const refused = await browser.link();
    await (await ada.client.readLink(refused.uri)).refuse();
    equal((await failure(refused.approved)).code, 'link_refused');
    const forged = await people.client().link();
    const uri = forged.uri.replace(/code=[\w-]+/, `code=${'A'.repeat(43)}`);
    await (await ada.client.readLink(uri)).approve();
    equal((await failure(forged.approved)).code, 'link_unproven');
  },

  'files go up in pieces, survive a lost answer, and reach those they are sent to': async ({ people }) => {
    const lost = losing((_, init) => init?.method === 'PATCH');
    const [ada, bob] = [await people.person('Ada', { fetch: lost.fetch }), await people.person('Bob')];
    const bytes = picture(2_500_000);
    const progress = [];
    const file = await ada.client.upload(new Blob([bytes], { type: 'image/png' }), {
      name: 'picture.png', onProgress: (sent, total) => progress.push(sent / total),
    });
    equal([lost.count, progress.at(-1)], [1, 1]);
    const conversation = await ada.client.inbox.startDirect(bob.id);
    await Promise.all([ada.client.connect(), bob.client.connect()]);
    equal((await failure(bob.client.download(file))).status, 404);
    await conversation.send({ type: 'image', media_object: { file_id: file, size: bytes.length } }).acked;
    await eventually(() => bob.messages.length === 1, 'the picture comes');
    const got = await eventually(() => bob.client.download(file).catch(() => undefined), 'Bob may download it');
    equal(new Uint8Array(await got.arrayBuffer()).every((byte, i) => byte === bytes[i]), true);
    const [{ url }] = await bob.client.mediaLinks([file]);
    equal((await (await fetch(url)).arrayBuffer()).byteLength, bytes.length, 'a link is good without a token');
    const empty = await failure(ada.client.upload(new Blob([])));
    equal(empty.code, 'empty_file');
  },

  'people are found by phone, and shown many at once': async ({ people }) => {
    const [ada, bob] = [await people.person('Ada'), await people.person('Bob')];
    const unknown = newPhone();
    const { matches, invalid } = await ada.client.lookup([bob.phone, unknown, '12']);
    equal([matches.map(({ user_id }) => user_id), invalid], [[bob.id], ['12']]);
    await bob.client.changeMe({ about: 'Busy' });
    const profile = async () =>
      (await ada.client.users([ada.id, bob.id])).find(({ user_id }) => user_id === bob.id);
    await eventually(async () => (await profile())?.about === 'Busy', 'Ada sees what Bob has changed');
  },

  'many connections of one device each see everything': async ({ people }) => {
    const { bob, adas } = await people.pair();
    const second = await people.person('Bob', { phone: bob.phone });
    await second.client.connect();
    for (const i of range(10)) adas.send(`${i}`);
    await textCame(bob, '9');
    await textCame(second, '9');
    equal(second.messages.map(({ text }) => text), range(10).map(String));
  },
};
