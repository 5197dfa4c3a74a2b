import type { Client } from './parts.js';
import type { Content, OutgoingMessage, SendOptions } from './outbox.js';
import type { UploadOptions } from './uploads.js';
import type {
  ConversationDetails, InboxItem, Member, Message, Recipient, Role, TimelineEntry,
} from './wire.js';

export interface HistoryOptions {
  /** Messages before this seq; by default the newest. */
  readonly before?: number;
  /** Messages after this seq. */
  readonly after?: number;
  /** Messages sent at this time or later; alone. */
  readonly at?: Date;
  /** 1 to 200; 50 by default. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface HistoryPage {
  /** In seq order. */
  readonly messages: readonly Message[];
  /** Pass it as `before` for the page before this one; null at the beginning. */
  readonly before: number | null;
}

export interface Cancellable {
  readonly signal?: AbortSignal;
}

/** How often `typing` is passed on, in milliseconds. */
export const typingEvery = 3_000;

/** One conversation. Making one asks nothing of the server. */
export class Conversation {
  readonly id: string;
  readonly #client: Client;
  #typingUntil = 0;

  /** @internal */
  constructor(id: string, client: Client) {
    this.id = id;
    this.#client = client;
  }

  /** Takes the message on, also offline, and returns at once. `acked` resolves when it is durable. */
  send(content: Content, options?: SendOptions): OutgoingMessage {
    return this.#client.outbox.enqueue(this.id, content, options);
  }

  /** The last seq that came here; undefined before the first entry. */
  get lastSeq(): number | undefined {
    return this.#client.timeline.lastSeq(this.id);
  }

  async history({ before, after, at, limit, signal }: HistoryOptions = {}): Promise<HistoryPage> {
    const query = { before_seq: before, after_seq: after, at: at?.toISOString(), limit };
    const { messages } = await this.#get<{ messages: Message[] }>('/messages', { signal, query });
    const first = messages[0]?.seq;
    return { messages, before: first === undefined || first === 0 ? null : first };
  }

  /** All entries after a seq, updates too, in seq order without a gap. */
  timeline(
    { after, limit, signal }: { readonly after?: number; readonly limit?: number; readonly signal?: AbortSignal } = {},
  ): Promise<{ entries: TimelineEntry[]; last_seq: number }> {
    return this.#get('/timeline', { signal, query: { after_seq: after, limit } });
  }

  message(messageId: string, { signal }: Cancellable = {}): Promise<Message> {
    return this.#get(`/messages/${messageId}`, { signal });
  }

  /** Who got and read one's own message. */
  async receipts(messageId: string, { signal }: Cancellable = {}): Promise<Recipient[]> {
    const { recipients } = await this.#get<{ recipients: Recipient[] }>(`/messages/${messageId}/receipts`, { signal });
    return recipients;
  }

  /** Everything up to this seq is read. Merged, sent soon, and again after a reconnect. */
  markRead(seq: number): void {
    this.#client.reads.mark(this.id, seq);
  }

  /** Tells the others that this person types, at most every 3 s; lost while there is no connection. */
  typing(active = true): void {
    const now = this.#client.clock.now();
    if (active && now < this.#typingUntil && this.#typingUntil - now <= typingEvery) return;
    this.#typingUntil = active ? now + typingEvery : 0;
    this.#client.send({ op: 'typing', conversation_id: this.id, active });
  }

  async edit(messageId: string, text: string, { signal }: Cancellable = {}): Promise<void> {
    await this.#call('PATCH', `/messages/${messageId}`, { text }, signal);
  }

  /** `null` takes the reaction back. */
  async react(messageId: string, emoji: string | null, { signal }: Cancellable = {}): Promise<void> {
    const path = `/messages/${messageId}/reaction`;
    await (emoji === null ? this.#call('DELETE', path, undefined, signal) : this.#call('PUT', path, { emoji }, signal));
  }

  /** Indices of a poll's options; none takes the vote back. */
  async vote(messageId: string, options: readonly number[], { signal }: Cancellable = {}): Promise<void> {
    const path = `/messages/${messageId}/vote`;
    await (options.length === 0
      ? this.#call('DELETE', path, undefined, signal)
      : this.#call('PUT', path, { options }, signal));
  }

  /** For everyone. */
  async delete(messageId: string, { signal }: Cancellable = {}): Promise<void> {
    await this.#call('DELETE', `/messages/${messageId}`, undefined, signal);
  }

  details({ signal }: Cancellable = {}): Promise<ConversationDetails> {
    return this.#get('', { signal });
  }

  async members({ signal }: Cancellable = {}): Promise<Member[]> {
    return (await this.#get<{ members: Member[] }>('/members', { signal })).members;
  }

  async addMembers(userIds: readonly string[], { signal }: Cancellable = {}): Promise<void> {
    await this.#call('POST', '/members', { user_ids: userIds }, signal);
  }

  /** Removes somebody, or leaves the group with one's own id. */
  async removeMember(userId: string, { signal }: Cancellable = {}): Promise<void> {
    await this.#call('DELETE', `/members/${userId}`, undefined, signal);
  }

  async setRole(userId: string, role: Role, { signal }: Cancellable = {}): Promise<void> {
    await this.#call('PUT', `/members/${userId}/role`, { role }, signal);
  }

  /** For admins. Disappearing messages: `disappearing_seconds`. */
  async change(
    change: { title?: string; retention?: { days?: number | null; disappearing_seconds?: number | null } },
    { signal }: Cancellable = {},
  ): Promise<void> {
    await this.#call('PATCH', '', change, signal);
  }

  /** One's own settings of this conversation. */
  async settings(
    change: Partial<Pick<InboxItem, 'muted_until' | 'pinned' | 'archived'>>, { signal }: Cancellable = {},
  ): Promise<void> {
    await this.#call('PATCH', '/settings', change, signal);
  }

  /** Uploads a file, resumably. Name the `file_id` in a message to send it. */
  upload(file: Blob, options: UploadOptions = {}): Promise<string> {
    return this.#client.uploads.upload(file, options);
  }

  #get<T>(path: string, request: { signal?: AbortSignal | undefined; query?: Query }): Promise<T> {
    return this.#client.json('GET', `/v1/conversations/${this.id}${path}${queryOf(request.query)}`, request);
  }

  #call(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
    return this.#client.call(method, `/v1/conversations/${this.id}${path}`, { body, signal });
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export function queryOf(query: Query = {}): string {
  const parts = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value!)}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
