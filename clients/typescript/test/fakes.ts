import type { Clock, SocketLike, Surroundings } from '../src/index.js';
import { ChatClient, MemoryStorage, type ChatClientOptions } from '../src/index.js';

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that only `advance` moves. `jump` sets the wall clock without moving timers. */
export class FakeClock implements Clock {
  #now = Date.UTC(2030, 0, 1);
  #elapsed = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#elapsed + ms, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** How many timers run. */
  get running(): number {
    return this.#timers.length;
  }

  jump(ms: number): void {
    this.#now += ms;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now += next.at - this.#elapsed;
      this.#elapsed = next.at;
      next.run();
      await settle();
    }
    this.#now += end - this.#elapsed;
    this.#elapsed = end;
  }
}

export class FakePage implements Surroundings {
  isOnline = true;
  isVisible = true;
  readonly #watchers = new Set<() => void>();

  online = () => this.isOnline;
  visible = () => this.isVisible;

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  change(change: Partial<{ isOnline: boolean; isVisible: boolean }> = {}): void {
    Object.assign(this, change);
    for (const changed of [...this.#watchers]) changed();
  }
}

export type Sent = { op: string } & Record<string, unknown>;

export class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: Sent[] = [];
  closedWith: number | undefined;

  constructor(readonly url: string) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Sent);
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  /** Frames of one kind that the client sent. */
  all(op: string): Sent[] {
    return this.sent.filter((frame) => frame.op === op);
  }

  last(op: string): Sent {
    const frame = this.all(op).at(-1);
    if (!frame) throw new Error(`No frame ${op} was sent, but ${JSON.stringify(this.sent)}`);
    return frame;
  }

  receive(...frames: object[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  end(code: number): void {
    this.onclose?.({ code } as never);
  }
}

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly signal: AbortSignal | null | undefined;
}

type Answer = Response | Promise<Response>;

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(status === 204 ? null : JSON.stringify(body), { status, headers });
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return json(status, { status, code, detail: `${code}.`, trace_id: 'trace' }, headers);
}

/** An answer whose headers come, and whose body never does; it breaks off with the signal, as that of `fetch` does. */
export function hanging(signal: AbortSignal | null | undefined): Response {
  return new Response(new ReadableStream({
    start: (body) => signal?.addEventListener('abort', () => body.error(signal.reason), { once: true }),
  }));
}

/** A storage of which `isFailing` says what fails. */
export class FailingStorage extends MemoryStorage {
  isFailing: (call: 'get' | 'list' | 'set', keys: readonly string[]) => boolean = () => false;

  override async get(key: string): Promise<unknown> {
    this.#perhapsFail('get', [key]);
    return super.get(key);
  }

  override async list(prefix: string): Promise<[string, unknown][]> {
    this.#perhapsFail('list', [prefix]);
    return super.list(prefix);
  }

  override async set(entries: Readonly<Record<string, unknown>>): Promise<void> {
    this.#perhapsFail('set', Object.keys(entries));
    await super.set(entries);
  }

  #perhapsFail(call: 'get' | 'list' | 'set', keys: readonly string[]): void {
    if (this.isFailing(call, keys)) throw new Error('The storage fails.');
  }
}

/** A storage whose `set` of some keys waits for `go`. */
export class SlowStorage extends MemoryStorage {
  isSlow: (key: string) => boolean = () => false;
  #waiting: (() => void)[] = [];

  override async set(entries: Readonly<Record<string, unknown>>): Promise<void> {
    if (Object.keys(entries).some(this.isSlow)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await super.set(entries);
  }

  go(): void {
    this.isSlow = () => false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A server of one device: refreshes tokens as the contract has it, and does what tests tell it. */
export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  readonly requests: Exchange[] = [];
  readonly routes = new Map<string, (exchange: Exchange) => Answer>();
  /** The next answers are lost on their way. */
  loseAnswers = 0;
  isDown = false;
  expiresIn = 900;
  /** Number of the newest token whose use the server saw. */
  used = 0;
  issued = 0;
  isRevoked = false;

  constructor(readonly clock: FakeClock) {
    this.routes.set('POST /v1/tokens/refresh', ({ body }) => this.#refresh(String(body.refresh_token)));
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('No socket was opened.');
    return socket;
  }

  get refreshes(): Exchange[] {
    return this.requests.filter(({ path }) => path === '/v1/tokens/refresh');
  }

  readonly fetch = async (input: string | URL | globalThis.Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const exchange = {
      method: init.method ?? 'GET',
      path: url.pathname + url.search,
      headers: new Headers(init.headers),
      body: typeof init.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : {},
      signal: init.signal,
    };
    await Promise.resolve();
    init.signal?.throwIfAborted();
    if (this.isDown) throw new TypeError('fetch failed');
    this.requests.push(exchange);
    const route =
      this.routes.get(`${exchange.method} ${exchange.path}`) ?? this.routes.get(`${exchange.method} ${url.pathname}`);
    const answer = route ? await route(exchange) : problem(404, 'not_found');
    if (this.loseAnswers > 0) {
      this.loseAnswers--;
      throw new TypeError('terminated');
    }
    return answer;
  };

  tokens(number: number): object {
    return {
      user_id: 'ada', device_id: 'phone', access_token: `a${number}`, refresh_token: `r${number}`,
      expires_in: this.expiresIn,
    };
  }

  /** The server sees a token used, as it does by every request and socket. */
  use(token: string): void {
    this.used = Math.max(this.used, Number(token.slice(1)));
  }

  /** Takes the socket's first frame, and answers it. */
  welcome(more: object = {}): FakeSocket {
    const { socket } = this;
    socket.onopen?.({} as never);
    this.use(String(socket.last('authenticate').access_token));
    socket.receive({ op: 'welcome', user_id: 'ada', device_id: 'phone', session_id: 's', incarnation: 'i1', ...more });
    return socket;
  }

  #refresh(token: string): Response {
    const number = Number(token.slice(1));
    if (this.isRevoked) return problem(401, 'device_signed_out');
    if (number === this.issued && number < this.used) return problem(401, 'refresh_token_reused');
    if (number < this.issued && this.used >= this.issued) {
      this.isRevoked = true;
      return problem(401, 'refresh_token_reused');
    }
    if (number === this.issued) this.issued++;
    return json(200, this.tokens(this.issued));
  }
}

/** A client on fakes, signed in unless told otherwise. */
export class World {
  readonly clock: FakeClock;
  readonly server: FakeServer;
  readonly page = new FakePage();
  readonly storage: MemoryStorage;
  readonly client: ChatClient;
  readonly errors: unknown[] = [];
  random = 0.5;

  private constructor(options: Partial<ChatClientOptions> & { server?: FakeServer }) {
    this.server = options.server ?? new FakeServer(new FakeClock());
    this.clock = this.server.clock;
    this.storage = (options.storage as MemoryStorage | undefined) ?? new MemoryStorage();
    const { server } = this;
    class Socket extends FakeSocket {
      constructor(url: string) {
        super(url);
        server.sockets.push(this);
      }
    }
    this.client = new ChatClient({
      url: 'http://chat.test/', fetch: server.fetch, clock: this.clock, surroundings: this.page,
      random: () => this.random, WebSocket: Socket, ...options, storage: this.storage,
    });
    this.client.on('error', (error) => void this.errors.push(error));
  }

  static async start(
    options: Partial<ChatClientOptions> & { server?: FakeServer; left?: number } = {},
  ): Promise<World> {
    const world = new World(options);
    if (!(await world.storage.get('tokens'))) {
      const left = options.left ?? 900_000;
      await world.storage.set({ tokens: { ...world.server.tokens(0), expires_at: world.clock.now() + left } });
    }
    return world;
  }

  /** Connects; the socket waits for its first frame. */
  async open(): Promise<FakeSocket> {
    void this.client.connect().catch((error: unknown) => void this.errors.push(error));
    await settle();
    return this.server.socket;
  }

  /** Connects, and has caught up. */
  async live(more: object = {}): Promise<FakeSocket> {
    await this.open();
    return this.caughtUp(more);
  }

  async caughtUp(more: object = {}): Promise<FakeSocket> {
    const socket = this.server.welcome(more);
    await settle();
    socket.receive({ op: 'synced' });
    await settle();
    return socket;
  }

  get state(): string {
    return this.client.state.name;
  }

  /** How long the client waits for its next try, in milliseconds. */
  get wait(): number {
    const { state } = this.client;
    if (state.name !== 'waiting') throw new Error(`It is ${state.name}.`);
    return state.retryAt - this.clock.now();
  }
}

export function message(seq: number, more: object = {}): object {
  return {
    op: 'message', message_id: `m${seq}`, conversation_id: 'c', seq, sender_id: 'bob', sender_device_id: 'd',
    type: 'text', text: `text ${seq}`, media_object: null, document: null, reply_to: null, ciphertext: null,
    epoch: null, sent_at: '2030-01-01T00:00:00.000Z', edited_at: null, deleted_at: null, expires_at: null,
    reactions: {}, status: 'sent', ...more,
  };
}

export function update(seq: number, kind: string, data: object = {}): object {
  return { op: 'update', conversation_id: 'c', seq, kind, actor_id: 'bob', data, at: '2030-01-01T00:00:00.000Z' };
}

export function ack(sent: Sent, seq: number): object {
  return {
    op: 'ack', message_id: sent.message_id, conversation_id: sent.conversation_id, seq,
    sent_at: '2030-01-01T00:00:00.000Z',
  };
}

export function refusal(ref: unknown, status: number, code: string): object {
  return { op: 'error', ref, problem: { status, code, detail: `${code}.`, trace_id: 'trace' } };
}
