import { backoff } from './backoff.js';
import type { Clock } from './clock.js';
import { ChatError } from './errors.js';
import type { ConnectionState } from './events.js';
import type { Logger } from './logger.js';
import type { Surroundings } from './surroundings.js';
import type { TokenSource } from './tokens.js';
import type { Welcome } from './wire.js';

/** A WebSocket of a browser, of Node 22, or of the package `ws`. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** A frame of the server. */
export interface Frame {
  readonly op: string;
  readonly [member: string]: unknown;
}

export interface ConnectionHandlers {
  state(state: ConnectionState): void;
  opened(welcome: Welcome): void;
  frame(frame: Frame): void;
  closed(): void;
}

export interface ConnectionParts {
  readonly open: (url: string) => SocketLike;
  readonly url: string;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly random: () => number;
  readonly surroundings: Surroundings;
  readonly logger: Logger;
}

/** Milliseconds. A socket that hangs is noticed within `pingEvery + answerToPing`. */
export const pingEvery = 25_000;
export const answerToPing = 10_000;
export const welcomeWithin = 20_000;

/** At most one retry without a wait in this time, in milliseconds. */
const eagerEvery = 30_000;

/** Keeps a socket open for as long as it is wanted. Never gives up but for a refusal of the device. */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #handlers: ConnectionHandlers;
  #state: ConnectionState = { name: 'idle' };
  #wanted = false;
  #socket: SocketLike | undefined;
  #token = '';
  #welcomed = false;
  /** Counts tries; what belongs to an older one is ignored. */
  #attempt = 0;
  /** Tries since the state was last `live`. */
  #failures = 0;
  #eager = true;
  #pings = 0;
  #cancelRetry: () => void = none;
  #cancelPing: () => void = none;
  #cancelDeadline: () => void = none;
  #cancelRenewal: () => void = none;
  #cancelEager: () => void = none;
  #unwatch: () => void = none;

  constructor(parts: ConnectionParts, handlers: ConnectionHandlers) {
    this.#parts = parts;
    this.#handlers = handlers;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#failures = 0;
    this.#unwatch = this.#parts.surroundings.watch(() => this.#surroundingsChanged());
    this.#try();
  }

  stop(state: ConnectionState = { name: 'idle' }): void {
    this.#wanted = false;
    this.#attempt++;
    this.#cancelRetry();
    this.#cancelEager();
    this.#eager = true;
    this.#unwatch();
    this.#unwatch = none;
    this.#discard(1000);
    this.#become(state);
  }

  /** Tries at once where it waits. */
  tryNow(): void {
    if (this.#state.name === 'waiting' || this.#state.name === 'offline') this.#try();
  }

  /** @returns whether the frame was handed to an open socket. */
  send(frame: object): boolean {
    if (!this.#welcomed) return false;
    this.#socket!.send(JSON.stringify(frame));
    return true;
  }

  /** Everything that was missed has come. */
  caughtUp(): void {
    this.#failures = 0;
    this.#become({ name: 'live' });
  }

  /** Ends the socket and opens another one. */
  drop(reason: string): void {
    if (!this.#socket) return;
    this.#parts.logger.warn?.(`The socket is dropped: ${reason}`);
    this.#discard(4000);
    this.#retryIn(this.#wait());
  }

  #try(): void {
    this.#cancelRetry();
    const attempt = ++this.#attempt;
    this.#become({ name: 'connecting' });
    this.#parts.tokens.access().then(
      ({ token, renewAt }) => attempt === this.#attempt && this.#open(token, renewAt),
      (error: unknown) => attempt === this.#attempt && this.#failed(error),
    );
  }

  #failed(error: unknown): void {
    if (error instanceof ChatError && error.code === 'signed_out') return this.stop({ name: 'signed_out' });
    this.#parts.logger.warn?.('No access token', error);
    this.#retryIn(Math.max(this.#wait(), (error instanceof ChatError && error.retryAfter) || 0));
  }

  #open(token: string, renewAt: number): void {
    let socket: SocketLike;
    try {
      socket = this.#parts.open(this.#parts.url);
    } catch (error) {
      this.#parts.logger.error?.('No socket', error);
      return this.#retryIn(this.#wait());
    }
    this.#socket = socket;
    this.#token = token;
    socket.onopen = () => socket.send(JSON.stringify({ op: 'authenticate', access_token: token }));
    socket.onmessage = (event: { data?: unknown }) => this.#received(String(event.data), renewAt);
    socket.onclose = (event: { code?: number }) => this.#closed(event.code ?? 1006);
    socket.onerror = none; // `close` follows, and tells more.
    this.#deadline(welcomeWithin, 'no welcome');
  }

  #received(text: string, renewAt: number): void {
    if (this.#welcomed) this.#cancelDeadline(); // Any frame is a sign of life.
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      return this.drop('a frame is no JSON');
    }
    if (frame.op === 'welcome') this.#welcome(frame as unknown as Welcome, renewAt);
    else if (frame.op === 'authenticated') this.#parts.logger.debug?.('The socket lives on under a new token');
    else if (frame.op === 'error' && frame.ref === 'authenticate') this.drop('the new token was refused');
    else if (frame.op !== 'pong') this.#handlers.frame(frame);
  }

  #welcome(welcome: Welcome, renewAt: number): void {
    this.#cancelDeadline();
    this.#welcomed = true;
    this.#become({ name: 'catching_up' });
    if (!this.#socket) return; // A handler of the state ended the connection.
    this.#pingLater();
    this.#renewLater(renewAt);
    this.#handlers.opened(welcome);
  }

  #closed(code: number): void {
    this.#parts.logger.debug?.(`The socket was closed: ${code}`);
    const token = this.#token;
    this.#discard();
    if (code === 4401 || code === 1008) {
      // The token ended, or the device was removed: a refresh tells which.
      this.#parts.tokens.refuse(token);
      this.#retryIn(this.#eagerWait());
    } else if (code === 1001) this.#retryIn(Math.max(this.#random(0, 2_000), this.#failures > 0 ? this.#wait() : 0));
    else if (code === 1013) this.#retryIn(this.#random(1_000, 5_000));
    else this.#retryIn(this.#wait());
  }

  /** Forgets the socket; what it still does is ignored. */
  #discard(code?: number): void {
    const socket = this.#socket;
    this.#cancelPing();
    this.#cancelDeadline();
    this.#cancelRenewal();
    if (!socket) return;
    this.#socket = undefined;
    this.#welcomed = false;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = none;
    if (code !== undefined) {
      const stuck = socket as { terminate?(): void };
      if (code !== 1000 && stuck.terminate) stuck.terminate();
      else socket.close(code);
    }
    this.#handlers.closed();
  }

  #retryIn(ms: number): void {
    if (!this.#wanted) return;
    this.#attempt++;
    this.#failures++;
    this.#cancelRetry();
    this.#cancelRetry = this.#parts.clock.after(ms, () => this.#try());
    const online = this.#parts.surroundings.online();
    this.#become(online ? { name: 'waiting', retryAt: this.#parts.clock.now() + ms } : { name: 'offline' });
  }

  #wait(): number {
    return backoff(this.#failures, this.#parts.random);
  }

  #eagerWait(): number {
    if (!this.#eager) return backoff(this.#failures + 4, this.#parts.random);
    this.#eager = false;
    this.#cancelEager = this.#parts.clock.after(eagerEvery, () => (this.#eager = true));
    return 0;
  }

  #random(from: number, to: number): number {
    return from + this.#parts.random() * (to - from);
  }

  #surroundingsChanged(): void {
    const { surroundings } = this.#parts;
    if (this.#welcomed) {
      if (surroundings.visible()) this.#ping();
    } else if (this.#state.name === 'waiting' || this.#state.name === 'offline') {
      if (surroundings.online() && surroundings.visible()) this.#try();
      else if (!surroundings.online()) this.#become({ name: 'offline' });
    }
  }

  #pingLater(): void {
    this.#cancelPing = this.#parts.clock.after(pingEvery, () => {
      if (this.#parts.surroundings.visible()) this.#ping();
      else this.#pingLater();
    });
  }

  #ping(): void {
    this.#cancelPing();
    this.send({ op: 'ping', id: ++this.#pings });
    this.#deadline(answerToPing, 'no answer to a ping');
    this.#pingLater();
  }

  #deadline(ms: number, reason: string): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#parts.clock.after(ms, () => this.drop(reason));
  }

  #renewLater(renewAt: number): void {
    this.#renewIn(Math.min(Math.max(renewAt - this.#parts.clock.now(), 1_000), 2 ** 31 - 1));
  }

  #renewIn(ms: number): void {
    this.#cancelRenewal();
    this.#cancelRenewal = this.#parts.clock.after(ms, () => {
      const attempt = this.#attempt;
      this.#parts.tokens.refuse(this.#token); // Force a refresh: the wall clock may have been set back.
      this.#parts.tokens.access().then(
        ({ token, renewAt }) => {
          if (attempt !== this.#attempt) return;
          this.#token = token;
          this.send({ op: 'authenticate', id: 'authenticate', access_token: token });
          this.#renewLater(renewAt);
        },
        (error: unknown) => {
          if (attempt !== this.#attempt) return;
          if (error instanceof ChatError && error.code === 'signed_out') this.stop({ name: 'signed_out' });
          else this.#renewIn(this.#random(1_000, 10_000));
        },
      );
    });
  }

  #become(state: ConnectionState): void {
    if (state.name === this.#state.name && state.name !== 'waiting') return;
    this.#state = state;
    this.#handlers.state(state);
  }
}

function none(): void {
  // Nothing to cancel.
}
