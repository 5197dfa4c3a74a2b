import type { Clock } from './clock.js';
import type { Frame } from './connection.js';
import { ChatError, type Problem } from './errors.js';
import type { Emitter } from './events.js';
import type { Logger } from './logger.js';
import { confirmAfter, Marks } from './receipts.js';
import type { ChatStorage } from './storage.js';
import type { AccountChange, Message, Presence, Receipt, Reset, Typing, Update, Welcome } from './wire.js';

/** The most frames that wait to be handled, and the most entries held back behind gaps. */
export const waitingFramesMax = 10_000;
export const heldMax = 1_000;
/** The most `sync` frames without an answer. */
export const syncsMax = 50;
/** How long a refused `sync`, `read` or `delivered` waits for its next try, in milliseconds. */
const againAfter = 2_000;

interface Entry {
  readonly conversation: string;
  readonly seq: number;
  readonly message?: Message;
  readonly update?: Update;
  /** From an `ack`: it may come before entries that are on their way. */
  readonly own?: boolean;
}

type Item = { readonly entry: Entry } | { readonly run: () => void | Promise<void> };

export interface TimelineParts {
  readonly storage: ChatStorage;
  readonly emitter: Emitter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send: (frame: object) => boolean;
  readonly caughtUp: () => void;
  readonly drop: (reason: string) => void;
  readonly forgetPosition: () => Promise<void>;
  readonly reads: Marks;
}

/**
 * Passes entries on in seq order, each once, without a gap, over all connections. An entry is confirmed as delivered
 * once all handlers of it have ended and its seq is stored. Missing entries are asked for again by `sync`.
 */
export class Timeline {
  readonly #parts: TimelineParts;
  readonly #queue: Item[] = [];
  readonly #last = new Map<string, number>();
  readonly #held = new Map<string, Map<number, Entry>>();
  /** Conversations whose seq is to be stored. */
  readonly #dirty = new Set<string>();
  /** Confirms seqs that are stored. */
  readonly #confirm: Marks;
  /** Wait until everything is handled. */
  #settling: (() => void)[] = [];
  #writing: Promise<void> | undefined;
  /** Counts the people whose entries these were. */
  #epoch = 0;
  /** What each `synced` that is to come answers: a conversation, or '' for the catch-up after the welcome. */
  #synced: string[] = [];
  #toSync: string[] = [];
  #heldCount = 0;
  #draining = false;
  #loaded = false;
  #open = false;
  #isLive = false;
  #user: string | undefined;
  #incarnation: string | undefined;
  #stored: string | undefined;
  #cancelAgain: (() => void) | undefined;

  constructor(parts: TimelineParts) {
    this.#parts = parts;
    this.#confirm = new Marks('delivered', confirmAfter, parts.clock, parts.send);
  }

  /** The last seq that was passed on; undefined for a conversation of which nothing came. */
  lastSeq(conversation: string): number | undefined {
    return this.#last.get(conversation);
  }

  opened(welcome: Welcome): void {
    this.#append({ run: () => this.#begin(welcome) });
  }

  closed(): void {
    this.#open = false;
    this.#append({ run: () => this.#end() });
  }

  /** A message of this device, whose `ack` came. */
  own(message: Message): void {
    this.#push({ entry: { conversation: message.conversation_id, seq: message.seq, message, own: true } });
  }

  /** There is an entry that did not come. */
  missed(conversation: string, seq: number): void {
    this.#push({
      run: () => {
        if (seq > (this.#last.get(conversation) ?? -1) && !this.#synced.includes('')) this.#sync(conversation);
      },
    });
  }

  frame(frame: Frame): void {
    const { emitter } = this.#parts;
    const { op, ...data } = frame;
    const conversation = frame.conversation_id as string;
    const seq = frame.seq as number;
    const emit = (run: () => void | Promise<void> | undefined) => this.#push({ run: () => run() });
    if (op === 'message') this.#push({ entry: { conversation, seq, message: data as unknown as Message } });
    else if (op === 'update') this.#push({ entry: { conversation, seq, update: data as unknown as Update } });
    else if (op === 'synced') this.#push({ run: () => this.#answered(this.#synced.shift()) });
    else if (op === 'reset') this.#push({ run: () => this.#reset(data as unknown as Reset) });
    else if (op === 'receipt') emit(() => emitter.emit('receipt', data as unknown as Receipt));
    else if (op === 'typing') emit(() => emitter.emit('typing', data as unknown as Typing));
    else if (op === 'presence') emit(() => emitter.emit('presence', data as unknown as Presence));
    else if (op === 'account') emit(() => emitter.emit('account', data as unknown as AccountChange));
    else if (op === 'error') this.#push({ run: () => this.#refused(frame) });
    else this.#parts.logger.debug?.(`Unknown frame ${op}`); // More may come.
  }

  /** Resolves when everything that has come is handled and stored, or cannot be stored. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settling.push(resolve);
      if (!this.#draining) void this.#drain();
    });
  }

  /** Forgets everything, for another person. Resolves when nothing is being written any more. */
  async clear(): Promise<void> {
    this.#epoch++;
    this.#queue.length = 0;
    this.#end();
    this.#last.clear();
    this.#dirty.clear();
    this.#confirm.clear();
    this.#loaded = false;
    this.#user = this.#incarnation = this.#stored = undefined;
    await this.#writing?.catch(() => undefined); // `#drain` tells of it.
  }

  /** Whatever belongs to one connection ends with it. */
  #end(): void {
    this.#open = false;
    this.#isLive = false;
    this.#synced = [];
    this.#toSync = [];
    this.#held.clear();
    this.#heldCount = 0;
    this.#cancelAgain?.();
  }

  #push(item: Item): void {
    if (this.#queue.length >= waitingFramesMax) {
      this.#queue.splice(0, this.#queue.length, ...this.#queue.filter((waiting) => !('entry' in waiting)));
      this.#parts.drop('handlers of events are too slow'); // What is dropped was not confirmed, and comes again.
      return;
    }
    this.#append(item);
  }

  /** Also where the queue is full: two for each connection. */
  #append(item: Item): void {
    this.#queue.push(item);
    if (!this.#draining) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    try {
      do {
        while (this.#queue.length > 0) {
          if (!this.#loaded) {
            await this.#load();
            continue; // Everything may have been cleared meanwhile.
          }
          const item = this.#queue.shift()!;
          const waiting = 'entry' in item ? this.#enter(item.entry) : item.run();
          if (waiting) await waiting;
        }
        await this.#store();
      } while (this.#queue.length > 0);
    } catch (cause) {
      this.#queue.length = 0;
      this.#end();
      this.#failed('The storage failed.', cause);
      this.#parts.drop('the storage failed');
    } finally {
      this.#draining = false;
      for (const resolve of this.#settling.splice(0)) resolve();
    }
  }

  async #load(): Promise<void> {
    const epoch = this.#epoch;
    const { storage } = this.#parts;
    const seqs = await storage.list('seq/');
    const stored = (await storage.get('incarnation')) as string | undefined;
    if (epoch !== this.#epoch) return;
    for (const [key, seq] of seqs) this.#last.set(key.slice(4), seq as number);
    this.#stored = stored;
    this.#loaded = true;
  }

  async #write(entries: Readonly<Record<string, unknown>>): Promise<void> {
    await (this.#writing = this.#parts.storage.set(entries));
  }

  async #begin(welcome: Welcome): Promise<void> {
    this.#open = true;
    this.#user = welcome.user_id;
    this.#synced = [''];
    this.#incarnation = welcome.incarnation;
    if (this.#stored && welcome.incarnation && this.#stored !== welcome.incarnation) {
      await this.#parts.forgetPosition();
      this.#toSync = [...this.#last.keys()];
      this.#syncNext();
    }
    this.#confirm.flush();
  }

  /** Takes an entry in its place; holds it back behind a gap. */
  #enter(entry: Entry): void | Promise<void> {
    const last = this.#last.get(entry.conversation);
    if (last !== undefined && entry.seq <= last) {
      // Sent again: the confirmation was lost, unless it waits for the storage.
      if (!this.#dirty.has(entry.conversation)) this.#confirm.mark(entry.conversation, last, true);
      return;
    }
    if (last === undefined ? !entry.own : entry.seq === last + 1) return this.#take(entry);
    const held = this.#held.get(entry.conversation) ?? new Map<number, Entry>();
    this.#held.set(entry.conversation, held);
    if (!held.has(entry.seq)) this.#heldCount++;
    held.set(entry.seq, entry);
    if (this.#heldCount > heldMax) this.#parts.drop('too many entries behind gaps');
    else if (!this.#synced.includes('')) this.#sync(entry.conversation);
  }

  async #take(entry: Entry | undefined): Promise<void> {
    for (; entry; entry = this.#unhold(entry.conversation, entry.seq + 1)) {
      const { conversation, seq, message, update } = entry;
      this.#last.set(conversation, seq);
      this.#dirty.add(conversation);
      const { emitter } = this.#parts;
      await (message ? emitter.emit('message', message) : emitter.emit('update', update!));
      if (update && this.#isOwnEnd(update)) this.#forget(conversation);
    }
  }

  #unhold(conversation: string, seq: number): Entry | undefined {
    const held = this.#held.get(conversation);
    const entry = held?.get(seq);
    if (!held || !entry) return undefined;
    held.delete(seq);
    this.#heldCount--;
    if (held.size === 0) this.#held.delete(conversation);
    return entry;
  }

  #isOwnEnd(update: Update): boolean {
    return /^member_(removed|left)$/.test(update.kind) && update.data?.['user_id'] === this.#user;
  }

  #forget(conversation: string): void {
    this.#last.delete(conversation);
    this.#dirty.add(conversation);
    this.#confirm.forget(conversation);
    this.#parts.reads.forget(conversation);
    this.#heldCount -= this.#held.get(conversation)?.size ?? 0;
    this.#held.delete(conversation);
  }

  #sync(conversation: string): void {
    if (this.#synced.includes(conversation) || this.#toSync.includes(conversation)) return;
    this.#toSync.push(conversation);
    this.#syncNext();
  }

  #syncNext(): void {
    while (this.#open && this.#synced.length < syncsMax) {
      const conversation = this.#toSync.shift();
      if (conversation === undefined) return;
      this.#synced.push(conversation);
      const conversations = { [conversation]: this.#last.get(conversation) ?? -1 };
      this.#parts.send({ op: 'sync', id: `sync:${conversation}`, conversations });
    }
  }

  /** Everything that was missing has come: what is still missing is not for this person to see. */
  async #answered(what: string | undefined): Promise<void> {
    if (!this.#open) return; // Of a connection that has ended: what it sent may have been dropped.
    if (what === '') for (const conversation of this.#held.keys()) this.#sync(conversation);
    else if (what !== undefined) {
      const held = this.#held.get(what);
      if (held) await this.#take(this.#unhold(what, Math.min(...held.keys())));
      if (this.#held.has(what)) this.#sync(what);
    }
    this.#syncNext();
    await this.#perhapsLive();
  }

  async #perhapsLive(): Promise<void> {
    if (!this.#open || this.#isLive || this.#synced.length > 0 || this.#toSync.length > 0) return;
    this.#isLive = true;
    await this.#store();
    if (!this.#open) return;
    if (this.#incarnation && this.#incarnation !== this.#stored) {
      await this.#write({ incarnation: this.#incarnation });
      if (!this.#open) return;
      this.#stored = this.#incarnation;
    }
    this.#parts.caughtUp();
    if (this.#open) await this.#parts.emitter.emit('caught_up', {});
  }

  async #reset(reset: Reset): Promise<void> {
    const last = this.#last.get(reset.conversation_id);
    if (last !== undefined && last > reset.last_seq) this.#last.set(reset.conversation_id, reset.last_seq);
    this.#heldCount -= this.#held.get(reset.conversation_id)?.size ?? 0;
    this.#held.delete(reset.conversation_id);
    this.#confirm.forget(reset.conversation_id);
    this.#dirty.add(reset.conversation_id);
    await this.#parts.emitter.emit('reset', reset);
  }

  async #refused(frame: Frame): Promise<void> {
    const error = ChatError.of(frame['problem'] as Problem);
    const ref = typeof frame['ref'] === 'string' ? frame['ref'] : '';
    const wait = error.retryAfter ?? againAfter;
    if (!ref.startsWith('sync:')) {
      // Marks have no `ref`.
      if (!ref && error.retryable) for (const marks of [this.#parts.reads, this.#confirm]) marks.againIn(wait);
      this.#failed('A frame was refused.', error);
      return;
    }
    const conversation = ref.slice(5);
    this.#synced = this.#synced.filter((waiting) => waiting !== conversation);
    if (error.retryable) {
      this.#toSync.push(conversation);
      this.#cancelAgain?.();
      this.#cancelAgain = this.#parts.clock.after(wait, () => this.#syncNext());
    } else {
      this.#forget(conversation); // No longer a member.
      this.#syncNext();
      await this.#perhapsLive();
    }
  }

  /** Stores the seqs of what was handled; then they may be confirmed. */
  async #store(): Promise<void> {
    const epoch = this.#epoch;
    const entries: Record<string, unknown> = {};
    const conversations = [...this.#dirty];
    for (const conversation of conversations) entries[`seq/${conversation}`] = this.#last.get(conversation);
    if (conversations.length === 0) return;
    await this.#write(entries);
    if (epoch !== this.#epoch) return;
    for (const conversation of conversations) {
      this.#dirty.delete(conversation);
      const seq = entries[`seq/${conversation}`];
      if (seq !== undefined) this.#confirm.mark(conversation, seq as number);
    }
  }

  #failed(detail: string, cause: unknown): void {
    this.#parts.logger.warn?.(detail, cause);
    const error = cause instanceof ChatError ? cause : new ChatError('network', detail, { cause });
    void this.#parts.emitter.emit('error', error);
  }
}
