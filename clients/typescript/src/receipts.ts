import type { Clock } from './clock.js';

/** `read` marks are merged for this long, in milliseconds. */
export const markAfter = 250;
/** Confirmations of what was delivered are merged for this long, in milliseconds. */
export const confirmAfter = 200;
/** Marks of this many conversations are kept and can be sent again: only a refusal is answered, without a name. */
export const marksKept = 100;

/** Merges marks of one kind: the highest seq of each conversation is sent. */
export class Marks {
  readonly #op: 'read' | 'delivered';
  readonly #after: number;
  readonly #clock: Clock;
  readonly #send: (frame: object) => boolean;
  readonly #marks = new Map<string, number>();
  readonly #waiting = new Set<string>();
  #cancel: (() => void) | undefined;
  #cancelAgain: (() => void) | undefined;

  /** @param after milliseconds for which marks are merged */
  constructor(op: 'read' | 'delivered', after: number, clock: Clock, send: (frame: object) => boolean) {
    this.#op = op;
    this.#after = after;
    this.#clock = clock;
    this.#send = send;
  }

  /** @param isAgain whether a mark is sent that was sent before */
  mark(conversation: string, seq: number, isAgain = false): void {
    if (!isAgain && seq <= (this.#marks.get(conversation) ?? -1)) return;
    this.#marks.delete(conversation); // So that the newest marks stand last.
    this.#marks.set(conversation, seq);
    this.#waiting.add(conversation);
    if (this.#marks.size > marksKept) {
      const oldest = [...this.#marks.keys()].find((known) => !this.#waiting.has(known));
      if (oldest !== undefined) this.#marks.delete(oldest);
    }
    this.#cancel ??= this.#clock.after(this.#after, () => this.flush());
  }

  /** Sends what waits. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const conversation_id of this.#waiting) {
      if (!this.#send({ op: this.#op, conversation_id, seq: this.#marks.get(conversation_id) })) return;
      this.#waiting.delete(conversation_id);
    }
  }

  /** Sends all marks that are kept once more. */
  again(): void {
    for (const conversation of this.#marks.keys()) this.#waiting.add(conversation);
    this.flush();
  }

  /** Some mark was refused for now: all are sent once more. */
  againIn(ms: number): void {
    this.#cancelAgain ??= this.#clock.after(ms, () => {
      this.#cancelAgain = undefined;
      this.again();
    });
  }

  forget(conversation: string): void {
    this.#marks.delete(conversation);
    this.#waiting.delete(conversation);
  }

  /** The server lost entries: a mark beyond the end would be refused. */
  reset(conversation: string, last: number): void {
    if ((this.#marks.get(conversation) ?? -1) > last) this.forget(conversation);
  }

  clear(): void {
    this.#marks.clear();
    this.#waiting.clear();
    this.#cancel?.();
    this.#cancelAgain?.();
    this.#cancel = this.#cancelAgain = undefined;
  }
}
