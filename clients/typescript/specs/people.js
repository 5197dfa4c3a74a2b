// What the specs share: people at a server, and waiting for what is to come. Runs in Node.js and in browsers.
import { ChatClient, MemoryStorage } from '@chatcqrs/client';

/** How long something may take that is to come, in milliseconds. */
const deadline = 20_000;

export function check(condition, what) {
  if (!condition) throw new Error(`Not so: ${what}`);
}

export function equal(actual, expected, what = 'equal') {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} is not ${b}`);
}

/** The error that a promise rejects with. */
export async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`It did not fail: ${JSON.stringify(value)}`);
}

/** Waits until `read` returns something true, looking again after every event and every 20 ms. */
export async function eventually(read, what) {
  const end = Date.now() + deadline;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (Date.now() > end) throw new Error(`Not so within ${deadline} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A number that nobody has, of full E.164 length. */
export function newPhone() {
  return `+88${Array.from({ length: 13 }, () => Math.floor(Math.random() * 10)).join('')}`;
}

/** People at one server; `end` closes all their clients. */
export class People {
  #url;
  #options;
  #newStorage;
  #clients = [];

  /** @param newStorage makes the storage of each client that is given none */
  constructor(url, options = {}, newStorage = () => new MemoryStorage()) {
    this.#url = url;
    this.#options = options;
    this.#newStorage = newStorage;
  }

  client({ storage = this.#newStorage(), ...options } = {}) {
    const client = new ChatClient({ url: this.#url, storage, ...this.#options, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Registers a person on a new device. */
  async person(name, { phone = newPhone(), ...options } = {}) {
    const storage = options.storage ?? this.#newStorage();
    const client = this.client({ device: { name: 'Spec', platform: 'node' }, ...options, storage });
    const { code } = await client.register(phone, name);
    const { user_id, device_id } = await client.verify(code);
    const messages = [];
    const updates = [];
    const events = [];
    client.on('message', (message) => void messages.push(message));
    client.on('update', (update) => void updates.push(update));
    for (const type of ['receipt', 'typing', 'presence', 'account', 'reset', 'error'])
      client.on(type, (data) => void events.push({ type, data }));
    return { client, storage, name, phone, id: user_id, device: device_id, messages, updates, events };
  }

  /** Two people, both connected, and their conversation. */
  async pair() {
    const [ada, bob] = [await this.person('Ada'), await this.person('Bob')];
    await Promise.all([ada.client.connect(), bob.client.connect()]);
    const adas = await ada.client.inbox.startDirect(bob.id);
    return { ada, bob, adas, bobs: bob.client.conversation(adas.id) };
  }

  async end() {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** Waits for a message with this text. */
export const textCame = (person, text) =>
  eventually(() => person.messages.find((message) => message.text === text), `${person.name} gets ${text}`);

export const updateCame = (person, kind) =>
  eventually(() => person.updates.find((update) => update.kind === kind), `${person.name} gets ${kind}`);

export const eventCame = (person, type, isIt = () => true) =>
  eventually(
    () => person.events.find((event) => event.type === type && isIt(event.data))?.data, `${person.name} gets ${type}`);
