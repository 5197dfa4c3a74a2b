import { systemClock, type Clock } from './clock.js';
import { Connection, type Frame, type SocketLike } from './connection.js';
import { Conversation, type Cancellable } from './conversation.js';
import { ChatError, type Problem } from './errors.js';
import { Emitter, type ChatEvent, type ChatEvents, type ConnectionState } from './events.js';
import { Http, type Request } from './http.js';
import { Inbox } from './inbox.js';
import { beginLink, readLink, type DeviceLink, type LinkRequest } from './links.js';
import { locksOf } from './locks.js';
import type { Logger } from './logger.js';
import { Outbox, type OutgoingMessage } from './outbox.js';
import type { Client } from './parts.js';
import { markAfter, Marks } from './receipts.js';
import { MemoryStorage, type ChatStorage } from './storage.js';
import { pageSurroundings, type Surroundings } from './surroundings.js';
import { Timeline } from './timeline.js';
import { TokenSource, type Session } from './tokens.js';
import { Uploads, type UploadOptions } from './uploads.js';
import { uuidV7 } from './uuid.js';
import type {
  Ack, Device, Me, MediaLink, NewDevice, Profile, ServerInfo, TokenAnswer, Welcome,
} from './wire.js';

export interface ChatClientOptions {
  /** The server's address, such as `https://chat.example.org`. */
  readonly url: string;
  /** In memory by default: then a new process signs in anew. */
  readonly storage?: ChatStorage;
  readonly fetch?: typeof fetch;
  readonly logger?: Logger;
  /** The WebSocket class where there is no global one: the package `ws` in Node 20. */
  readonly WebSocket?: new (url: string) => SocketLike;
  /** How this device names itself; the platform is free text of up to 50 characters. */
  readonly device?: NewDevice;
  /** For tests: time, randomness, and what the page tells. */
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly surroundings?: Surroundings;
}

export interface Contact {
  readonly phone: string;
  readonly user_id: string;
  readonly name: string | null;
}

/** A messenger's client: signs in, stays connected, sends and receives. One for each storage is to be connected. */
export class ChatClient {
  readonly inbox: Inbox;
  readonly #url: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #http: Http;
  readonly #tokens: TokenSource;
  readonly #emitter: Emitter;
  readonly #connection: Connection;
  readonly #client: Client;
  readonly #device: NewDevice;
  readonly #conversations = new Map<string, Conversation>();
  #registration: string | undefined;
  /** Whose outbox, seqs and marks are in memory. */
  #session: Session | undefined;
  #closes = 0;

  constructor(options: ChatClientOptions) {
    const { logger = {}, clock = systemClock, random = Math.random } = options;
    const storage: ChatStorage = options.storage ?? new MemoryStorage();
    this.#url = options.url.replace(/\/+$/, '');
    this.#clock = clock;
    this.#random = random;
    this.#device = options.device ?? { name: 'ChatCqrs SDK', platform: 'web' };
    this.#http = new Http(this.#url, options.fetch ?? globalThis.fetch, clock, storage, logger);
    const locks = locksOf(storage);
    const lock = (what: string) => ['chatcqrs', what, this.#url, ...(storage.name ? [storage.name] : [])].join(':');
    this.#tokens = new TokenSource(storage, this.#http, locks, clock, lock('tokens'), logger);
    this.#tokens.onSignedOut = () => this.#connection.stop({ name: 'signed_out' });
    const emitter = (this.#emitter = new Emitter(logger));
    const send = (frame: object) => this.#connection.send(frame);
    const outbox = new Outbox({
      storage, locks, lockName: lock('outbox'), emitter, clock, random, logger, send,
      newId: () => uuidV7(clock.now(), (bytes) => crypto.getRandomValues(bytes)),
    });
    const reads = new Marks('read', markAfter, clock, send);
    const timeline = new Timeline({
      storage, emitter, clock, logger, send, reads,
      caughtUp: () => this.#connection.caughtUp(),
      drop: (reason) => this.#connection.drop(reason),
      forgetPosition: () => this.#http.forgetPosition(),
    });
    this.#connection = new Connection(
      {
        open: (url) => this.#open(url, options.WebSocket),
        url: `${this.#url.replace(/^http/, 'ws')}/v1/ws`,
        tokens: this.#tokens, clock, random, logger,
        surroundings: options.surroundings ?? pageSurroundings(),
      },
      {
        state: (state) => void emitter.emit('state', state),
        opened: (welcome) => this.#opened(welcome),
        frame: (frame) => this.#received(frame),
        closed: () => {
          outbox.closed();
          timeline.closed();
        },
      },
    );
    this.#client = {
      clock, outbox, timeline, reads, send,
      uploads: new Uploads(this.#tokens, storage, clock, random, this.#url),
      json: (method, path, request) =>
        this.#tokens.send((http, authorized) => http.json(method, path, authorized), request),
      call: (method, path, request) =>
        this.#tokens.send((http, authorized) => http.send(method, path, authorized), request),
    };
    this.inbox = new Inbox(this.#client, (id) => this.conversation(id), () => this.newId());
    emitter.on('reset', ({ conversation_id, last_seq }) => reads.reset(conversation_id, last_seq));
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Who is signed in on this device; undefined for nobody. */
  async session(): Promise<Session | undefined> {
    const session = await this.#tokens.session();
    if (!session && this.state.name === 'idle') this.#connection.stop({ name: 'signed_out' });
    return session;
  }

  /**
   * Asks for a code by SMS. `phone` is E.164; `name` is for a new account.
   * @returns when the code ends, and in Development the code.
   */
  async register(
    phone: string, name?: string, { signal }: Cancellable = {},
  ): Promise<{ expires_at: string; code?: string }> {
    const answer = await this.#http.json<{ registration_id: string; expires_at: string; code?: string }>(
      'POST', '/v1/registrations', { body: { phone, ...(name !== undefined && { name }) }, signal });
    this.#registration = answer.registration_id;
    return { expires_at: answer.expires_at, ...(answer.code !== undefined && { code: answer.code }) };
  }

  /** Signs in with the code. May be called again where the answer was lost. */
  async verify(code: string, { signal }: Cancellable = {}): Promise<Session> {
    if (!this.#registration) throw new ChatError('registration_unknown', 'Call register first.');
    const answer = await this.#http.json<TokenAnswer>('POST', `/v1/registrations/${this.#registration}/verification`, {
      body: { code, device: this.#device }, signal,
    });
    return this.#signIn(answer);
  }

  /** Signs in by a code that a signed-in device of the same person scans. */
  link({ signal }: Cancellable = {}): Promise<DeviceLink<Session>> {
    return beginLink(
      this.#http, this.#url, this.#clock, this.#random, this.#device, (answer) => this.#signIn(answer), signal);
  }

  /** On a signed-in device: reads the code that a new device shows. */
  readLink(uri: string, { signal }: Cancellable = {}): Promise<LinkRequest> {
    return readLink(this.#client, uri, signal);
  }

  /**
   * Opens the connection and keeps it until `close`; may be called again after it. Resolves when everything that was
   * missed has come.
   * @throws ChatError `signed_out`, `closed`; the signal's reason once it is aborted, which ends the attempt
   */
  async connect({ signal }: Cancellable = {}): Promise<void> {
    signal?.throwIfAborted();
    const closes = this.#closes;
    const session = await this.session();
    if (closes !== this.#closes) throw new ChatError('closed', 'The client was closed.');
    if (!session) throw new ChatError('signed_out', 'Nobody is signed in on this device.');
    this.#belongTo(session);
    this.#client.outbox.start();
    await new Promise<void>((resolve, reject) => {
      const settle = (run: () => void) => {
        off();
        signal?.removeEventListener('abort', abort);
        run();
      };
      const abort = () =>
        settle(() => {
          this.#connection.stop();
          reject(signal!.reason);
        });
      const off = this.#emitter.on('state', ({ name }) => {
        if (name === 'live') settle(resolve);
        else if (name === 'signed_out') settle(() => reject(new ChatError('signed_out', 'This device is signed out.')));
        else if (name === 'idle') settle(() => reject(new ChatError('closed', 'The client was closed.')));
      });
      signal?.addEventListener('abort', abort, { once: true });
      if (this.state.name === 'live') settle(resolve);
      else if (signal?.aborted) abort();
      else this.#connection.start();
    });
  }

  /** Tries at once where the next try is later; the page's network and visibility do so by themselves. */
  tryNow(): void {
    this.#connection.tryNow();
  }

  /**
   * Ends the connection, until `connect`. What waits to be sent stays in the storage. Resolves when the handlers of all
   * that has come have ended: do not wait for it in one of them.
   */
  async close(): Promise<void> {
    this.#closes++;
    this.#connection.stop();
    const { outbox, timeline } = this.#client;
    outbox.close();
    await Promise.all([outbox.settled(), timeline.settled()]);
  }

  /**
   * Removes this device at the server, if it can be reached, and everything from memory and the storage: messages that
   * wait are cancelled. Then another person may sign in.
   */
  async signOut(): Promise<void> {
    this.#closes++;
    this.#client.outbox.close(); // What somebody writes meanwhile must not go out in the next person's name.
    const session = await this.#tokens.session();
    if (session) await this.call('DELETE', `/v1/devices/${session.device_id}`).catch((error: unknown) => {
      void this.#emitter.emit('error', error instanceof ChatError ? error : new ChatError('network', String(error)));
    });
    await this.#forget();
  }

  /** Calls a handler for each event of a type. Returns a function that ends it. */
  on<T extends keyof ChatEvents>(type: T, handler: (data: ChatEvents[T]) => void | Promise<void>): () => void {
    return this.#emitter.on(type, handler);
  }

  /** All events, for `for await`. Ends when the signal is aborted. */
  events({ signal }: Cancellable = {}): AsyncIterableIterator<ChatEvent> {
    return this.#emitter.stream(signal);
  }

  conversation(id: string): Conversation {
    let conversation = this.#conversations.get(id);
    if (!conversation) this.#conversations.set(id, (conversation = new Conversation(id, this.#client)));
    return conversation;
  }

  /** Messages that are not acknowledged yet, in order; parked ones too. */
  get outbox(): readonly OutgoingMessage[] {
    return this.#client.outbox.waiting;
  }

  /** Uploads a file, resumably. @returns its `file_id` */
  upload(file: Blob, options: UploadOptions = {}): Promise<string> {
    return this.#client.uploads.upload(file, options);
  }

  /** Addresses that show files without a token, for up to 100 files at once. Those one may not see are left out. */
  async mediaLinks(fileIds: readonly string[], { signal }: Cancellable = {}): Promise<MediaLink[]> {
    const body = { file_ids: fileIds };
    return (await this.#client.json<{ links: MediaLink[] }>('POST', '/v1/media/links', { body, signal })).links;
  }

  /** The bytes of a file. They may take as long as they take; the signal ends it. */
  async download(fileId: string, { signal }: Cancellable = {}): Promise<Blob> {
    return (await this.call('GET', `/v1/media/download?file_id=${fileId}`, { signal, isLarge: true })).blob();
  }

  server({ signal }: Cancellable = {}): Promise<ServerInfo> {
    return this.#http.json('GET', '/v1/server', { signal });
  }

  me({ signal }: Cancellable = {}): Promise<Me> {
    return this.#client.json('GET', '/v1/users/me', { signal });
  }

  changeMe(change: Partial<Pick<Me, 'name' | 'about' | 'avatar'>>, { signal }: Cancellable = {}): Promise<Me> {
    return this.#client.json('PATCH', '/v1/users/me', { body: change, signal });
  }

  /** Up to 200 people at once; unknown ones are left out. */
  async users(ids: readonly string[], { signal }: Cancellable = {}): Promise<Profile[]> {
    if (ids.length === 0) return [];
    return (await this.#client.json<{ users: Profile[] }>('GET', `/v1/users?ids=${ids.join(',')}`, { signal })).users;
  }

  /** Who of 1 to 200 phones is here. */
  lookup(phones: readonly string[], { signal }: Cancellable = {}): Promise<{ matches: Contact[]; invalid: string[] }> {
    return this.#client.json('POST', '/v1/contacts/lookup', { body: { phones }, signal });
  }

  async devices({ signal }: Cancellable = {}): Promise<Device[]> {
    return (await this.#client.json<{ devices: Device[] }>('GET', '/v1/devices', { signal })).devices;
  }

  async removeDevice(deviceId: string, { signal }: Cancellable = {}): Promise<void> {
    await this.call('DELETE', `/v1/devices/${deviceId}`, { signal });
  }

  async block(userId: string, blocked = true, { signal }: Cancellable = {}): Promise<void> {
    await this.call(blocked ? 'PUT' : 'DELETE', `/v1/blocks/${userId}`, { signal });
  }

  /** Presence of these people from now on, for as long as this connection lasts; ask again on `caught_up`. */
  watchPresence(userIds: readonly string[]): void {
    this.#connection.send({ op: 'subscribe_presence', user_ids: userIds });
  }

  /**
   * Any other call of the API, with this device's token. The answer's body has been read when it resolves.
   * @throws ChatError for a status of 400 or more
   */
  call(method: string, path: string, request?: Request): Promise<Response> {
    return this.#client.call(method, path, request);
  }

  /** A new UUID of version 7. */
  newId(): string {
    return uuidV7(this.#clock.now(), (bytes) => crypto.getRandomValues(bytes));
  }

  async #signIn(answer: TokenAnswer): Promise<Session> {
    const owner = await this.#tokens.owner();
    if (owner !== undefined && owner !== answer.user_id) await this.#forget(); // The device was signed out from afar.
    const session = await this.#tokens.signIn(answer);
    this.#belongTo(session);
    if (this.state.name === 'signed_out') this.#connection.stop();
    return session;
  }

  /** What is in memory is never sent in another person's name: another tab may have signed them in. */
  #belongTo(session: Session): void {
    if (this.#session && this.#session.user_id !== session.user_id) void this.#clear();
    this.#session = session;
    this.#client.outbox.open();
  }

  /** Ends the connection and removes everything of a person. */
  async #forget(): Promise<void> {
    this.#closes++;
    this.#connection.stop({ name: 'signed_out' });
    this.#session = undefined;
    await this.#clear();
    await this.#http.forgetPosition();
    await this.#tokens.empty();
  }

  async #clear(): Promise<void> {
    const { outbox, timeline, reads } = this.#client;
    reads.clear();
    await Promise.all([outbox.clear(), timeline.clear()]);
  }

  #open(url: string, given: ChatClientOptions['WebSocket']): SocketLike {
    const Socket = given ?? (globalThis as { WebSocket?: new (url: string) => SocketLike }).WebSocket;
    if (!Socket) throw new ChatError('no_websocket', 'Pass a WebSocket class, such as the one of the package ws.');
    return new Socket(url);
  }

  #opened(welcome: Welcome): void {
    const { outbox, timeline, reads } = this.#client;
    this.#belongTo({ user_id: welcome.user_id, device_id: welcome.device_id });
    timeline.opened(welcome);
    outbox.opened();
    reads.again();
  }

  #received(frame: Frame): void {
    const { outbox, timeline } = this.#client;
    if (frame.op === 'ack') {
      const ack = frame as unknown as Ack;
      const message = outbox.acked(ack, this.#session!.user_id, this.#session!.device_id);
      if (message) timeline.own(message);
      else timeline.missed(ack.conversation_id, ack.seq);
    } else if (frame.op !== 'error' || !outbox.refused(frame['ref'], frame['problem'] as Problem)) {
      timeline.frame(frame);
    }
  }
}
