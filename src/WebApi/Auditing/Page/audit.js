// The page for auditors. It shows what the calls under /v1/audit answer, and nothing else: every look is recorded there.
import { Refused, Session } from '/audit/session.js';

/** How long the slider rests before the state is asked for, in milliseconds: each look is recorded. */
const restingMs = 250;
const pollingMs = 1000;

const at = (id) => document.getElementById(id);
const session = new Session();
const names = new Map(); // user id -> name
let shown; // the conversation on the page: {id, lastSeq, state, asking}
let search; // the query and the cursor of the list
let resting;

// ---- Signing in ----

on('phone-form', 'submit', async (form) => {
  const code = await session.askForCode(form.get('phone').trim());
  at('code-form').hidden = false;
  const field = at('code-form').elements.code;
  if (code) field.value = code;
  field.focus();
  say('A code was sent.');
});

on('code-form', 'submit', async (form) => {
  await session.signIn(form.get('code').trim());
  const me = await session.get('/v1/users/me');
  at('who-name').textContent = me.name || me.phone;
  show({ who: true, 'signing-in': false, 'code-form': false, finding: true });
  at('find-form').elements.person.focus();
  say('You are signed in.');
});

on('sign-out', 'click', async () => {
  await session.signOut().finally(() => location.reload());
});

// ---- Finding ----

on('find-form', 'submit', async (form) => {
  const query = new URLSearchParams();
  const person = form.get('person').trim();
  if (person) query.set('user_id', await userIdOf(person));
  for (const name of ['from', 'to']) if (form.get(name)) query.set(name, utc(form.get(name)));
  search = { query, cursor: undefined };
  at('found').tBodies[0].replaceChildren();
  await listMore();
});

on('found-more', 'click', listMore);

async function listMore() {
  const query = new URLSearchParams(search.query);
  if (search.cursor) query.set('cursor', search.cursor);
  const page = await session.get(`/v1/audit/conversations?${query}`);
  await nameAll(page.conversations.flatMap((conversation) => conversation.members));
  search.cursor = page.next_cursor;
  const rows = at('found').tBodies[0];
  rows.append(...page.conversations.map(rowOf));
  show({ found: rows.rows.length > 0, 'found-none': rows.rows.length === 0, 'found-more': page.next_cursor !== null });
  say(`${rows.rows.length} conversations are listed.`);
}

function rowOf(conversation) {
  const open = element('button', { type: 'button' }, conversation.conversation_id);
  open.addEventListener('click', () => attempt(open, () => openConversation(conversation)));
  const people = conversation.members.map(nameOf);
  const list = people.length > 5 ? `${people.slice(0, 5).join(', ')} and ${people.length - 5} more` : people.join(', ');
  return element('tr', {}, element('td', {}, open), ...[
    conversation.type, list, timeOf(conversation.started_at), timeOf(conversation.last_at), conversation.last_seq + 1,
  ].map((text) => element('td', {}, text)));
}

// ---- A conversation and its moments ----

async function openConversation(conversation) {
  shown?.asking?.abort();
  shown = { id: conversation.conversation_id, lastSeq: conversation.last_seq };
  at('conversation-facts').textContent =
    `${conversation.conversation_id}: ${conversation.type}, begun ${timeOf(conversation.started_at)}, `
    + `last entry ${timeOf(conversation.last_at)}.`;
  const slider = at('moment');
  slider.max = conversation.last_seq;
  slider.value = conversation.last_seq;
  at('verified').replaceChildren();
  show({ conversation: true, 'export-file': false, 'export-progress': false });
  await listMatters();
  await showMoment();
  at('conversation-title').focus();
}

at('moment').addEventListener('input', () => {
  at('moment-said').textContent = at('moment').value;
  later(restingMs);
});

for (const [id, move] of [
  ['moment-first', () => 0], ['moment-back', (seq) => seq - 1], ['moment-on', (seq) => seq + 1],
  ['moment-last', () => shown.lastSeq],
]) {
  on(id, 'click', async () => {
    const slider = at('moment');
    slider.value = Math.min(shown.lastSeq, Math.max(0, move(slider.valueAsNumber)));
    await showMoment();
  });
}

on('moment-form', 'submit', async () => {
  const time = at('moment-time').value;
  if (time) await showMoment({ as_of: utc(time) });
});

function later(milliseconds) {
  clearTimeout(resting);
  resting = setTimeout(() => attempt(undefined, () => showMoment()), milliseconds);
}

/** Shows the state at the slider's entry, or at what is given. */
async function showMoment(moment = { as_of_seq: at('moment').value }) {
  clearTimeout(resting);
  const conversation = shown;
  conversation.asking?.abort();
  const asking = (conversation.asking = new AbortController());
  at('state-title').parentElement.setAttribute('aria-busy', 'true');
  try {
    const state = await session.get(stateOf(moment), { signal: asking.signal });
    await nameAll(state.members.map((member) => member.user_id));
    if (asking.signal.aborted || shown !== conversation) return;
    conversation.moment = moment;
    conversation.next = undefined;
    at('moment').value = state.as_of_seq;
    at('moment-said').textContent = `${state.as_of_seq} of ${conversation.lastSeq}, ${timeOf(state.as_of)}`;
    showState(state);
    at('entries').replaceChildren();
    await showEntries(state);
    say(`The state at entry ${state.as_of_seq} is shown.`);
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  } finally {
    at('state-title').parentElement.removeAttribute('aria-busy');
  }
}

function stateOf(moment, cursor) {
  const query = new URLSearchParams(moment);
  if (at('matter').value) query.set('matter', at('matter').value);
  if (cursor) query.set('cursor', cursor);
  return `/v1/audit/conversations/${shown.id}/state?${query}`;
}

function showState(state) {
  facts('state', [
    ['Title', state.title || '–'],
    ['Type', state.type],
    ['Encryption', state.encryption || 'none end to end'],
    ['Kept', retentionOf(state.retention)],
    ['As of', timeOf(state.as_of)],
    ['Recorded by', state.recorded_by
      ? `batch ${state.recorded_by.batch}, ${timeOf(state.recorded_by.time)}` : 'no batch of the public log yet'],
  ]);
  at('members').replaceChildren(...state.members.map((member) => element('tr', {}, ...[
    nameOf(member.user_id), member.role, member.joined_seq, seqOf(member.delivered_seq), seqOf(member.read_seq),
  ].map((text) => element('td', {}, text)))));
}

on('entries-more', 'click', async () => {
  await showEntries(await session.get(stateOf(shown.moment, shown.next)));
});

async function showEntries(state) {
  await nameAll(state.entries.flatMap((entry) => [entry.actor_id, ...Object.values(entry.reactions ?? {}).flat()]));
  shown.next = state.next_cursor;
  at('entries').append(...state.entries.map(entryOf));
  show({ 'entries-more': state.next_cursor !== null });
}

function entryOf(entry) {
  const notes = [];
  if (entry.reply_to) notes.push('a reply');
  if (entry.edited_at) notes.push(`edited ${timeOf(entry.edited_at)}`);
  if (entry.deleted_at) notes.push(`deleted ${timeOf(entry.deleted_at)}`);
  for (const [emoji, people] of Object.entries(entry.reactions ?? {}))
    notes.push(`${emoji} ${people.map(nameOf).join(', ')}`);
  return element('li', { value: entry.seq },
    element('p', {}, element('strong', {}, nameOf(entry.actor_id)), ' ',
      element('span', { class: 'soft' }, `entry ${entry.seq}, ${timeOf(entry.at)}, ${entry.type}`)),
    contentOf(entry),
    element('p', { class: 'soft' }, notes.join('; ')));
}

function contentOf(entry) {
  if (entry.sealed) return element('p', { class: 'sealed' }, 'Sealed: it opens within an approved matter.');
  if (entry.gone) return element('p', { class: 'sealed' }, `Not readable any more: ${entry.gone}.`);
  const { text, ...others } = entry.content ?? {};
  const more = Object.entries(others).filter(([, value]) => value !== null);
  return element('div', {}, element('p', { class: 'said' }, text ?? ''),
    more.length ? element('p', { class: 'soft' }, JSON.stringify(Object.fromEntries(more))) : '');
}

// ---- Verifying ----

on('verify', 'click', async () => {
  say('Verifying ...');
  const found = await session.get(`/v1/audit/conversations/${shown.id}/verification`);
  facts('verified', [
    ['Result', element('span', { class: found.verified ? 'good' : 'bad' },
      found.verified ? 'The hash chain is whole.' : `Broken at entry ${found.first_bad_seq}.`)],
    ['Events checked', found.events],
    ['From entry', found.from_seq],
    ['Head', found.head],
    ['In the public log up to entry', found.anchored_seq ?? 'none yet'],
    ['Batch, checkpoint', `${found.batch ?? '–'}, ${found.checkpoint_size ?? '–'}`],
    ...found.problems.map((problem) => [`Entry ${problem.seq ?? '–'}`, problem.code]),
  ]);
  say(found.verified ? 'The hash chain is whole.' : 'The hash chain is broken.');
});

on('proof', 'click', async () => {
  const answer = await session.call('GET', `/v1/audit/conversations/${shown.id}/proof`);
  save(await answer.blob(), `${shown.id}.tlog-proof`);
});

// ---- Matters ----

async function listMatters() {
  const { matters } = await session.get('/v1/audit/matters');
  const select = at('matter');
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...matters.map((matter) => {
    const option = element('option', { value: matter.matter_id }, `${matter.title} (${matter.status})`);
    option.disabled = matter.status !== 'approved';
    return option;
  }));
  select.value = [...select.options].some((option) => option.value === chosen && !option.disabled) ? chosen : '';
}

on('matter', 'change', () => showMoment());

on('matter-form', 'submit', async (form) => {
  await session.post('/v1/audit/matters', {
    title: form.get('title'), reason: form.get('reason'), conversation_ids: [shown.id],
    from: form.get('from') ? utc(form.get('from')) : null, to: form.get('to') ? utc(form.get('to')) : null,
    content: form.get('content') !== null, until: utc(form.get('until')),
  });
  at('matter-form').reset();
  await listMatters();
  say('You have asked. Somebody else, an admin or a compliance officer, must approve it.');
});

// ---- Exporting ----

on('export', 'click', async () => {
  const matter = at('matter').value;
  const made = await session.post('/v1/audit/exports', {
    conversation_ids: [shown.id], ...(matter ? { matter_id: matter } : {}),
  });
  const conversation = shown;
  const progress = at('export-progress');
  show({ 'export-progress': true, 'export-file': false });
  for (;;) {
    const state = await session.get(`/v1/audit/exports/${made.export_id}`);
    if (shown !== conversation) return;
    progress.max = Math.max(1, state.total);
    progress.value = state.done;
    if (state.status === 'failed') throw new Error('The export has failed. The server\'s log says why.');
    if (state.status === 'done') break;
    await new Promise((resolve) => setTimeout(resolve, pollingMs));
  }
  conversation.export = made.export_id;
  show({ 'export-progress': false, 'export-file': true });
  say('The export can be downloaded.');
});

on('export-file', 'click', async () => {
  const answer = await session.call('GET', `/v1/audit/exports/${shown.export}/file`);
  save(await answer.blob(), `audit-${shown.id}.zip`);
});

// ---- Names ----

async function userIdOf(person) {
  if (!person.startsWith('+')) return person;
  const { matches } = await session.post('/v1/contacts/lookup', { phones: [person] });
  if (matches.length === 0) throw new Error('Nobody is registered with this phone number.');
  return matches[0].user_id;
}

async function nameAll(ids) {
  const unknown = [...new Set(ids)].filter((id) => id && !names.has(id));
  for (let i = 0; i < unknown.length; i += 200) {
    const some = unknown.slice(i, i + 200);
    const { users } = await session.get(`/v1/users?ids=${some.join(',')}`);
    for (const user of users) names.set(user.user_id, user.name);
    for (const id of some) if (!names.has(id)) names.set(id, null);
  }
}

function nameOf(id) {
  return names.get(id) || id || 'the server';
}

// ---- The page ----

/** Runs what a person asked for, one at a time for each control, and says what went wrong. */
async function attempt(control, action) {
  at('problem').hidden = true;
  if (control) control.disabled = true;
  try {
    await action();
  } catch (error) {
    const text = error instanceof Refused && error.status === 403 && !error.code
      ? 'Your account has not the role that this needs.' : error.message;
    at('problem').textContent = text;
    at('problem').hidden = false;
    if (!(error instanceof Refused) && !(error instanceof Error)) throw error;
  } finally {
    if (control) control.disabled = false;
  }
}

function on(id, event, action) {
  const node = at(id);
  node.addEventListener(event, (fired) => {
    if (event === 'submit') fired.preventDefault();
    const control = event === 'submit' ? fired.submitter : node;
    const form = node instanceof HTMLFormElement ? new FormData(node) : undefined;
    void attempt(control, () => action(form));
  });
}

function show(parts) {
  for (const [id, isShown] of Object.entries(parts)) at(id).hidden = !isShown;
}

function say(text) {
  at('status').textContent = text;
}

function facts(id, pairs) {
  at(id).replaceChildren(...pairs.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
}

/** An element with attributes, and with text that is never read as HTML. */
function element(name, attributes, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content.map((part) => (part instanceof Node ? part : String(part ?? ''))));
  return made;
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = element('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // The browser reads it in its own time.
}

/** A field's time, which is meant in UTC. */
function utc(local) {
  return new Date(`${local}Z`).toISOString();
}

function timeOf(time) {
  return time ? `${time.slice(0, 10)} ${time.slice(11, 23)} UTC` : '–';
}

function seqOf(seq) {
  return seq === null || seq === undefined || seq < 0 ? '–' : seq;
}

function retentionOf(retention) {
  if (!retention) return '–';
  return Object.entries(retention).filter(([, value]) => value !== null && value !== false)
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${value}`).join(', ') || 'as the server keeps everything';
}

show({ 'signing-in': true });
