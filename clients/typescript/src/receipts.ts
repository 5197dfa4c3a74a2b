import type { Clock } from './clock.js';

/** `read` marks are merged for this long, in milliseconds. */
export const markAfter = 250;
/** Marks of this many conversations are sent again after a reconnect: nobody answers them. */
export const marksKept = 100;

/** Merges `markRead`: the highest seq of each conversation is sent, again after each reconnect. */
export class ReadMarks {
  readonly #clock: Clock;
  readonly #send: (frame: object) => boolean;
  readonly #marks = new Map<string, number>();
  readonly #waiting = new Set<string>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, send: (frame: object) => boolean) {
    this.#clock = clock;
    this.#send = send;
  }

  mark(conversation: string, seq: number): void {
    if (seq <= (this.#marks.get(conversation) ?? -1)) return;
    this.#marks.delete(conversation); // So that the newest marks stand last.
    this.#marks.set(conversation, seq);
    this.#waiting.add(conversation);
    if (this.#marks.size > marksKept) {
      const oldest = [...this.#marks.keys()].find((known) => !this.#waiting.has(known));
      if (oldest !== undefined) this.#marks.delete(oldest);
    }
    this.#cancel ??= this.#clock.after(markAfter, () => this.#flush());
  }

  opened(): void {
    for (const conversation of this.#marks.keys()) this.#waiting.add(conversation);
    this.#flush();
  }

  /** The server lost entries: a mark beyond the end would be refused. */
  reset(conversation: string, last: number): void {
    if ((this.#marks.get(conversation) ?? -1) > last) this.#marks.delete(conversation);
    this.#waiting.delete(conversation);
  }

  #flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const conversation_id of this.#waiting) {
      if (!this.#send({ op: 'read', conversation_id, seq: this.#marks.get(conversation_id) })) return;
      this.#waiting.delete(conversation_id);
    }
  }
}
