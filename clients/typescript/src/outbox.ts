import { backoff } from './backoff.js';
import type { Clock } from './clock.js';
import { ChatError, type Problem } from './errors.js';
import type { Emitter } from './events.js';
import type { Locks } from './locks.js';
import type { Logger } from './logger.js';
import type { ChatStorage } from './storage.js';
import type { Ack, Attachment, Message } from './wire.js';

/** What a message says: a text, or an object with the members of `POST /v1/messages`. */
export type Content =
  | string
  | {
      readonly type: string;
      readonly text?: string;
      readonly media_object?: Attachment | string;
      readonly document?: Attachment | string;
    };

export interface SendOptions {
  /** The `message_id` that this answers. */
  readonly replyTo?: string;
}

/**
 * `queued`: waits for the connection or for earlier messages. `sending`: on its way. `sent`: durable. `parked`:
 * refused; `retry` or `cancel` it. `cancelled`: taken back before it was sent.
 */
export type OutgoingState = 'queued' | 'sending' | 'sent' | 'parked' | 'cancelled';

/** The most messages that wait; parked ones too. */
export const waitingMax = 10_000;
/** The most bytes of a frame of the server: it closes a socket that sends more. */
export const frameMax = 512 * 1024;
/** How long an ack may take before the same message is sent again, in milliseconds. */
export const ackWithin = 15_000;

interface Body {
  readonly message_id: string;
  readonly conversation_id: string;
  readonly type: string;
  readonly text?: string;
  readonly media_object?: unknown;
  readonly document?: unknown;
  readonly reply_to?: string;
}

interface Stored {
  readonly body: Body;
  readonly parked?: { readonly code: string; readonly detail: string; readonly status: number };
}

export interface OutboxParts {
  readonly storage: ChatStorage;
  readonly locks: Locks;
  readonly lockName: string;
  readonly emitter: Emitter;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  readonly logger: Logger;
  readonly send: (frame: object) => boolean;
}

/** A message on its way. */
export class OutgoingMessage {
  /** The `message_id`; the same for every try, for ever. */
  readonly id: string;
  readonly conversationId: string;
  readonly content: Exclude<Content, string>;
  readonly replyTo: string | undefined;
  /** Resolves once the message is durable; rejects where it is refused (and parked) or cancelled. */
  readonly acked: Promise<Ack>;
  /** Why it is parked. */
  error: ChatError | undefined;
  /** @internal */ readonly body: Body;
  /** @internal */ state_: OutgoingState = 'queued';
  /** @internal */ key: string | undefined;
  /** @internal */ stored = false;
  /** @internal */ attempts = 0;
  /** @internal */ readonly settle: { resolve(ack: Ack): void; reject(error: ChatError): void };
  readonly #outbox: Outbox;

  /** @internal */
  constructor(outbox: Outbox, body: Body) {
    this.#outbox = outbox;
    this.body = body;
    this.id = body.message_id;
    this.conversationId = body.conversation_id;
    const { message_id: _, conversation_id: __, reply_to, ...content } = body;
    this.content = content as Exclude<Content, string>;
    this.replyTo = reply_to;
    let settle!: OutgoingMessage['settle'];
    this.acked = new Promise((resolve, reject) => (settle = { resolve, reject }));
    this.acked.catch(() => undefined); // Who does not wait for it is told by `state` and the event `outbox`.
    this.settle = settle;
  }

  get state(): OutgoingState {
    return this.state_;
  }

  /**
   * Takes the message back. False where it is on its way or sent: then delete it for everyone. Where an earlier try
   * got no answer, it may have arrived all the same, and comes as a `message`.
   */
  cancel(): boolean {
    return this.#outbox.cancel(this);
  }

  /** Sends a parked message again, behind those that wait now. `acked` stays rejected; watch `state`. */
  retry(): void {
    this.#outbox.retry(this);
  }
}

/**
 * Sends messages one after another in each conversation, in the order of their sending, each under one id until it is
 * acknowledged. They outlive the process where the storage does. Of several clients on one storage the first takes up
 * what earlier ones left.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #lanes = new Map<string, OutgoingMessage[]>();
  readonly #messages = new Map<string, OutgoingMessage>();
  readonly #timers = new Map<string, () => void>();
  readonly #toStore = new Set<OutgoingMessage>();
  #storing: Promise<void> | undefined;
  #storeFailures = 0;
  #cancelStore: (() => void) | undefined;
  #order = 0;
  /** Counts the people whose messages these were. */
  #epoch = 0;
  #open = false;
  #started = false;
  #starting: Promise<void> | undefined;
  #ready = false;
  #release: (() => void) | undefined;
  #closed = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Messages that are not acknowledged, in order; parked ones too. */
  get waiting(): readonly OutgoingMessage[] {
    return [...this.#messages.values()];
  }

  /** Takes up what earlier clients left, once no other client on this storage does; `outbox` tells of each message. */
  start(): void {
    this.open();
    this.#start();
    this.#storeNext();
  }

  /** Takes messages on; again after `close`. */
  open(): void {
    this.#closed = false;
  }

  /** @throws ChatError `closed`, `outbox_full`, `frame_too_large` */
  enqueue(conversation: string, content: Content, options: SendOptions = {}): OutgoingMessage {
    if (this.#closed) throw new ChatError('closed', 'The client was closed.');
    if (this.#messages.size >= waitingMax) throw new ChatError('outbox_full', `${waitingMax} messages wait already.`);
    const given = typeof content === 'string' ? { type: 'text', text: content } : content;
    const { type, text, media_object, document } = given;
    const message = new OutgoingMessage(this, {
      message_id: this.#parts.newId(),
      conversation_id: conversation,
      type,
      ...(text !== undefined && { text }),
      ...(media_object !== undefined && { media_object }),
      ...(document !== undefined && { document }),
      ...(options.replyTo !== undefined && { reply_to: options.replyTo }),
    });
    if (new TextEncoder().encode(JSON.stringify({ op: 'send', ...message.body })).length > frameMax)
      throw new ChatError('frame_too_large', `A message may have ${frameMax} bytes in all.`);
    this.#messages.set(message.id, message);
    this.#lane(conversation).push(message);
    this.#storeLater(message);
    this.#changed(message, 'queued');
    return message;
  }

  opened(): void {
    this.#open = true;
    this.#start(); // Again where the storage failed.
    for (const conversation of this.#lanes.keys()) this.#pump(conversation);
  }

  closed(): void {
    this.#open = false;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const message of this.#messages.values()) if (message.state_ === 'sending') this.#changed(message, 'queued');
  }

  /** Ends until `open`: whatever waits stays in the storage. */
  close(): void {
    this.closed();
    this.#closed = true;
    this.#storeNext();
    this.#cancelRetry();
    if (!this.#release) return;
    this.#release();
    this.#release = undefined;
    this.#started = false;
  }

  /** Resolves when everything is written that can be. */
  async settled(): Promise<void> {
    await this.#starting?.catch(() => undefined); // `#start` tells of it.
    while (this.#storing) await this.#storing;
  }

  /** Cancels everything, for another person. Resolves when nothing is being written any more. */
  async clear(): Promise<void> {
    const messages = this.waiting;
    this.#epoch++;
    this.#messages.clear();
    this.#lanes.clear();
    this.#toStore.clear();
    this.close();
    for (const message of messages) {
      this.#changed(message, 'cancelled');
      message.settle.reject(new ChatError('cancelled', 'The person has signed out.'));
    }
    await this.settled();
  }

  /** @returns the message as everybody gets it; undefined where it is not ours, or settled. */
  acked(ack: Ack, sender: string, device: string): Message | undefined {
    const message = this.#messages.get(ack.message_id);
    if (!message) return undefined;
    this.#remove(message);
    this.#changed(message, 'sent');
    message.settle.resolve(ack);
    this.#pump(message.conversationId);
    const { type, text = null, media_object = null, document = null, reply_to = null } = message.body;
    return {
      message_id: ack.message_id, conversation_id: ack.conversation_id, seq: ack.seq, sender_id: sender,
      sender_device_id: device, type, text, media_object: media_object as Attachment | null,
      document: document as Attachment | null, reply_to, ciphertext: null, epoch: null, sent_at: ack.sent_at,
      edited_at: null, deleted_at: null, expires_at: null, reactions: {}, status: 'sent',
    };
  }

  /** @returns whether the refusal was of one of our messages. */
  refused(ref: unknown, problem: Problem): boolean {
    const message = typeof ref === 'string' ? this.#messages.get(ref) : undefined;
    if (!message) return false;
    if (message.state_ !== 'sending') return true; // Sent twice, and settled already.
    const error = ChatError.of(problem);
    const { conversationId } = message;
    this.#timers.get(conversationId)?.();
    this.#timers.delete(conversationId);
    if (error.retryable) {
      this.#changed(message, 'queued');
      const wait = Math.max(error.retryAfter ?? 0, backoff(message.attempts++, this.#parts.random));
      this.#later(conversationId, wait, () => this.#pump(conversationId));
    } else {
      this.#leaveLane(message);
      message.error = error;
      this.#storeLater(message);
      this.#changed(message, 'parked');
      message.settle.reject(error);
      this.#pump(conversationId);
    }
    return true;
  }

  cancel(message: OutgoingMessage): boolean {
    if (message.state_ !== 'queued' && message.state_ !== 'parked') return false;
    this.#remove(message);
    this.#changed(message, 'cancelled');
    message.settle.reject(new ChatError('cancelled', 'The message was taken back.'));
    this.#pump(message.conversationId);
    return true;
  }

  retry(message: OutgoingMessage): void {
    if (message.state_ !== 'parked') return;
    message.error = undefined;
    message.attempts = 0;
    this.#lane(message.conversationId).push(message);
    this.#storeLater(message);
    this.#changed(message, 'queued');
    this.#pump(message.conversationId);
  }

  #start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    const { locks, lockName } = this.#parts;
    this.#starting = this.#prepare();
    this.#starting.then(() => locks.run(lockName, () => this.#hold())).catch((cause: unknown) => {
      this.#started = false;
      this.#storageFailed(cause);
    });
  }

  async #prepare(): Promise<void> {
    const known = await this.#parts.storage.list('outbox/');
    this.#order = Math.max(this.#order, Number(known.at(-1)?.[0].split('/')[1] ?? 0));
    this.#ready = true;
    this.#storeNext();
  }

  /** Keeps the lock until this client ends, so that another one takes up what it leaves. */
  async #hold(): Promise<void> {
    let epoch: number;
    let entries: [string, unknown][];
    do {
      epoch = this.#epoch;
      entries = await this.#parts.storage.list('outbox/');
    } while (epoch !== this.#epoch);
    if (this.#closed) {
      this.#started = false;
      return;
    }
    const released = new Promise<void>((release) => (this.#release = release));
    this.#take(entries);
    await released;
  }

  #take(entries: [string, unknown][]): void {
    const lanes = new Map<string, OutgoingMessage[]>();
    for (const [key, value] of entries) {
      const { body, parked } = value as Stored;
      if (this.#messages.has(body.message_id)) continue;
      const message = new OutgoingMessage(this, body);
      message.key = key;
      message.stored = true;
      this.#messages.set(message.id, message);
      if (parked) {
        message.error = new ChatError(parked.code, parked.detail, { status: parked.status });
        message.settle.reject(message.error);
        this.#changed(message, 'parked');
        continue;
      }
      const lane = lanes.get(message.conversationId) ?? [];
      lanes.set(message.conversationId, lane);
      lane.push(message);
      this.#changed(message, 'queued');
    }
    for (const [conversation, lane] of lanes) {
      const own = this.#lane(conversation);
      own.splice(own[0]?.state_ === 'sending' ? 1 : 0, 0, ...lane);
      this.#pump(conversation);
    }
  }

  #lane(conversation: string): OutgoingMessage[] {
    let lane = this.#lanes.get(conversation);
    if (!lane) this.#lanes.set(conversation, (lane = []));
    return lane;
  }

  #pump(conversation: string): void {
    const message = this.#lanes.get(conversation)?.[0];
    if (!message || !this.#open || !message.stored || message.state_ !== 'queued') return;
    if (this.#timers.has(conversation)) return; // It waits for its next try.
    this.#changed(message, 'sending');
    if (!this.#parts.send({ op: 'send', ...message.body })) {
      this.#changed(message, 'queued');
      return;
    }
    this.#later(conversation, ackWithin, () => {
      this.#changed(message, 'queued');
      this.#pump(conversation);
    });
  }

  #later(conversation: string, ms: number, run: () => void): void {
    this.#timers.set(
      conversation,
      this.#parts.clock.after(ms, () => {
        this.#timers.delete(conversation);
        run();
      }),
    );
  }

  #leaveLane(message: OutgoingMessage): void {
    const lane = this.#lane(message.conversationId);
    const place = lane.indexOf(message);
    if (place === 0) {
      this.#timers.get(message.conversationId)?.();
      this.#timers.delete(message.conversationId);
    }
    if (place >= 0) lane.splice(place, 1);
    if (lane.length === 0) this.#lanes.delete(message.conversationId);
  }

  #remove(message: OutgoingMessage): void {
    this.#messages.delete(message.id);
    this.#leaveLane(message);
    if (message.key) this.#storeLater(message);
    else this.#toStore.delete(message); // Never stored.
  }

  #storeLater(message: OutgoingMessage): void {
    this.#toStore.add(message);
    this.#start();
    this.#storeNext();
  }

  /** Writes all that is to be written at once; a message is sent only once it is stored. */
  #storeNext(): void {
    if (this.#storing || !this.#ready || this.#toStore.size === 0) return;
    this.#cancelRetry();
    const entries: Record<string, unknown> = {};
    const messages = [...this.#toStore];
    this.#toStore.clear();
    for (const message of messages) {
      message.key ??= `outbox/${String(++this.#order).padStart(15, '0')}/${message.id}`;
      entries[message.key] = this.#messages.has(message.id) ? this.#valueOf(message) : undefined;
    }
    const epoch = this.#epoch;
    this.#storing = this.#parts.storage.set(entries).then(
      () => this.#written(messages, epoch),
      (cause: unknown) => {
        this.#storageFailed(cause);
        this.#written(messages, epoch, true);
      },
    );
  }

  #written(messages: readonly OutgoingMessage[], epoch: number, isFailed = false): void {
    this.#storing = undefined;
    if (epoch === this.#epoch) {
      this.#storeFailures = isFailed ? this.#storeFailures + 1 : 0;
      if (isFailed) for (const message of messages) this.#toStore.add(message);
      for (const message of messages) message.stored = true; // Sent all the same: better than not at all.
      for (const message of messages) this.#pump(message.conversationId);
      if (isFailed) return this.#retryStore();
    }
    this.#storeNext();
  }

  #retryStore(): void {
    this.#cancelRetry();
    if (this.#closed) return;
    this.#cancelStore = this.#parts.clock.after(backoff(this.#storeFailures, () => 1), () => this.#storeNext());
  }

  #cancelRetry(): void {
    this.#cancelStore?.();
    this.#cancelStore = undefined;
  }

  #valueOf(message: OutgoingMessage): Stored {
    const { body, error } = message;
    return error ? { body, parked: { code: error.code, detail: error.detail, status: error.status } } : { body };
  }

  #storageFailed(cause: unknown): void {
    this.#parts.logger.error?.('An outgoing message is not stored', cause);
    void this.#parts.emitter.emit('error', new ChatError('network', 'An outgoing message is not stored.', { cause }));
  }

  #changed(message: OutgoingMessage, state: OutgoingState): void {
    message.state_ = state;
    void this.#parts.emitter.emit('outbox', message);
  }
}
