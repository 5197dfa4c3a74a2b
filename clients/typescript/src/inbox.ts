import { queryOf, type Cancellable, type Conversation } from './conversation.js';
import type { Client } from './parts.js';
import type { ConversationDetails, InboxItem } from './wire.js';

export interface PageOptions extends Cancellable {
  readonly cursor?: string;
  readonly limit?: number;
}

/** The conversations of this person, newest activity first. */
export class Inbox implements AsyncIterable<InboxItem> {
  readonly #client: Client;

  readonly #conversation: (id: string) => Conversation;
  readonly #newId: () => string;

  /** @internal */
  constructor(client: Client, conversation: (id: string) => Conversation, newId: () => string) {
    this.#client = client;
    this.#conversation = conversation;
    this.#newId = newId;
  }

  /** Starts the direct conversation with somebody, or finds it. */
  startDirect(userId: string, { signal }: Cancellable = {}): Promise<Conversation> {
    return this.#start({ type: 'direct', member_ids: [userId] }, signal);
  }

  /** Starts a group. Safe to call again with the same `id` where the answer was lost. */
  startGroup(
    title: string, memberIds: readonly string[],
    { id, signal }: { readonly id?: string; readonly signal?: AbortSignal } = {},
  ): Promise<Conversation> {
    const conversation_id = id ?? this.#newId();
    return this.#start({ type: 'group', title, member_ids: memberIds, conversation_id }, signal);
  }

  /** One page: `limit` is 1 to 200, 50 by default; pass `next_cursor` as `cursor` for the next one. */
  page(
    { cursor, limit, signal }: PageOptions = {},
  ): Promise<{ conversations: InboxItem[]; next_cursor: string | null }> {
    return this.#client.json('GET', `/v1/conversations${queryOf({ cursor, limit })}`, { signal });
  }

  async #start(body: object, signal: AbortSignal | undefined): Promise<Conversation> {
    const details = await this.#client.json<ConversationDetails>('POST', '/v1/conversations', { body, signal });
    return this.#conversation(details.conversation_id);
  }

  /** All conversations, fetched page by page. */
  async *[Symbol.asyncIterator](): AsyncIterator<InboxItem> {
    let cursor: string | null | undefined;
    do {
      const page: { conversations: InboxItem[]; next_cursor: string | null } =
        await this.page({ limit: 200, ...(cursor && { cursor }) });
      yield* page.conversations;
      cursor = page.next_cursor;
    } while (cursor);
  }
}
