import { ChatError } from './errors.js';
import type { Logger } from './logger.js';
import type { OutgoingMessage } from './outbox.js';
import type { AccountChange, Message, Presence, Receipt, Reset, Typing, Update } from './wire.js';

/**
 * `signed_out`: nobody is registered on this device. `idle`: not connected, and not asked to. `connecting`: the socket
 * is being opened. `catching_up`: it is open, missed entries are coming. `live`: nothing is missing. `waiting`: the
 * next try is at `retryAt`. `offline`: the browser says that there is no network; it is tried all the same.
 */
export type ConnectionState =
  | { readonly name: 'signed_out' | 'idle' | 'connecting' | 'catching_up' | 'live' | 'offline' }
  | { readonly name: 'waiting'; /** Milliseconds since 1970. */ readonly retryAt: number };

export interface ChatEvents {
  /** The connection's state changed. */
  state: ConnectionState;
  /** A message of somebody, or of one's own once it is durable. Each once, in seq order within its conversation. */
  message: Message;
  /** Any other entry of a conversation, in the same order. */
  update: Update;
  receipt: Receipt;
  typing: Typing;
  presence: Presence;
  account: AccountChange;
  /** The server lost entries: drop those beyond `last_seq`. */
  reset: Reset;
  /** Everything that was missed has come. */
  caught_up: Record<never, never>;
  /** An outgoing message changed its state. */
  outbox: OutgoingMessage;
  /** Something failed in the background; the client goes on. */
  error: ChatError;
}

export type ChatEvent = {
  [T in keyof ChatEvents]: { readonly type: T; readonly data: ChatEvents[T] };
}[keyof ChatEvents];

type Handler<T> = (data: T) => void | Promise<void>;

/** The most events that wait for a slow reader of `stream`. */
export const waitingEventsMax = 10_000;

/** Passes events on to handlers and to async iterators. */
export class Emitter {
  readonly #handlers = new Map<string, Set<Handler<never>>>();
  readonly #streams = new Set<(event: ChatEvent) => void>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on<T extends keyof ChatEvents>(type: T, handler: Handler<ChatEvents[T]>): () => void {
    let handlers = this.#handlers.get(type);
    if (!handlers) this.#handlers.set(type, (handlers = new Set()));
    handlers.add(handler as Handler<never>);
    return () => void handlers.delete(handler as Handler<never>);
  }

  /** Returns a promise where a handler did; it resolves when all have ended, failed ones too. */
  emit<T extends keyof ChatEvents>(type: T, data: ChatEvents[T]): Promise<void> | undefined {
    const waiting: Promise<void>[] = [];
    for (const handler of [...(this.#handlers.get(type) ?? [])] as Handler<ChatEvents[T]>[]) {
      try {
        const result = handler(data);
        if (result) waiting.push(result.catch((error: unknown) => this.#failed(type, error)));
      } catch (error) {
        this.#failed(type, error);
      }
    }
    for (const push of this.#streams) push({ type, data } as unknown as ChatEvent);
    return waiting.length > 0 ? Promise.all(waiting).then(() => undefined) : undefined;
  }

  /** Ends when the signal is aborted; throws `overrun` when more than `waitingEventsMax` wait. */
  stream(signal?: AbortSignal): AsyncIterableIterator<ChatEvent> {
    const queue: ChatEvent[] = [];
    let wake: (() => void) | undefined;
    let ended = signal?.aborted ?? false;
    let overrun = false;
    const push = (event: ChatEvent) => {
      if (queue.length < waitingEventsMax) queue.push(event);
      else {
        overrun = true;
        end();
      }
      wake?.();
    };
    const end = () => {
      ended = true;
      this.#streams.delete(push);
      signal?.removeEventListener('abort', end);
      wake?.();
    };
    if (!ended) this.#streams.add(push);
    signal?.addEventListener('abort', end, { once: true });
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: async () => {
        for (;;) {
          const value = queue.shift();
          if (value && !signal?.aborted) return { value, done: false };
          if (overrun) throw new ChatError('overrun', `More than ${waitingEventsMax} events wait for their reader.`);
          if (ended) return { value: undefined, done: true };
          await new Promise<void>((resolve) => (wake = resolve));
        }
      },
      return: async () => {
        queue.length = 0;
        end();
        return { value: undefined, done: true };
      },
    };
  }

  #failed(type: string, error: unknown): void {
    this.#logger.error?.(`A handler of ${type} failed`, error);
  }
}
