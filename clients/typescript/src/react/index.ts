import type { ChatClient, ChatEvents, ConnectionState, InboxItem, Message, OutgoingMessage } from '../index.js';
import { withMessages, withoutMessages } from './messages.js';

/** The hooks that are used: those of `react` or `preact/hooks`. */
export interface HookLibrary {
  useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
  useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
  useCallback<F extends (...given: never[]) => unknown>(callback: F, inputs: readonly unknown[]): F;
}

export interface MessagesView {
  /** In seq order, without a gap from the oldest that was loaded. */
  readonly messages: readonly Message[];
  /** One's own that are not durable yet, and parked ones: show them below. */
  readonly outgoing: readonly OutgoingMessage[];
  /** False when the beginning is loaded. */
  readonly hasEarlier: boolean;
  readonly error: unknown;
  /** Rejects where the page cannot be loaded. Does nothing at the beginning, and once another conversation is shown. */
  loadEarlier(): Promise<void>;
}

export interface InboxView {
  readonly items: readonly InboxItem[];
  readonly isLoading: boolean;
  readonly error: unknown;
}

export interface ChatHooks {
  useConnectionState(client: ChatClient): ConnectionState;
  useChatEvent<T extends keyof ChatEvents>(client: ChatClient, type: T, handler: (data: ChatEvents[T]) => void): void;
  useInbox(client: ChatClient, limit?: number): InboxView;
  useMessages(client: ChatClient, conversationId: string, limit?: number): MessagesView;
}

/** What is shown of one conversation. */
interface Shown extends Omit<MessagesView, 'hasEarlier' | 'loadEarlier'> {
  readonly client: ChatClient;
  readonly conversationId: string;
  /** Ends with what is shown: what comes later belongs elsewhere. */
  readonly signal: AbortSignal;
  /** Where the page before begins: null at the beginning, undefined before the first page has come. */
  readonly before: number | null | undefined;
}

/** Events after which the inbox is loaded anew, at most one load at a time. */
const inboxEvents = ['message', 'update', 'receipt', 'account', 'reset', 'caught_up'] as const;

/**
 * Makes the hooks of a library: `chatHooks(React)`, or with Preact `chatHooks(await import('preact/hooks'))`. Call it
 * once, at the top of a module.
 */
export function chatHooks({ useState, useEffect, useCallback }: HookLibrary): ChatHooks {
  function useConnectionState(client: ChatClient): ConnectionState {
    const [state, setState] = useState<ConnectionState>(client.state);
    useEffect(() => {
      setState(client.state);
      return client.on('state', setState);
    }, [client]);
    return state;
  }

  function useChatEvent<T extends keyof ChatEvents>(
    client: ChatClient, type: T, handler: (data: ChatEvents[T]) => void,
  ): void {
    useEffect(() => client.on(type, handler), [client, type, handler]);
  }

  function useInbox(client: ChatClient, limit = 50): InboxView {
    const none: InboxView = { items: [], isLoading: true, error: undefined };
    const [view, setView] = useState({ ...none, client });
    useEffect(() => {
      const ending = new AbortController();
      let isLoading = false;
      let isStale = false;
      const load = async () => {
        isStale = true;
        if (isLoading) return;
        isLoading = true;
        while (isStale && !ending.signal.aborted) {
          isStale = false;
          try {
            const { conversations } = await client.inbox.page({ limit, signal: ending.signal });
            if (!ending.signal.aborted) setView({ client, items: conversations, isLoading: false, error: undefined });
          } catch (error) {
            if (!ending.signal.aborted)
              setView((before) => ({ ...(before.client === client ? before : none), client, isLoading: false, error }));
          }
        }
        isLoading = false;
      };
      const ends = inboxEvents.map((type) => client.on(type, () => void load()));
      void load();
      return () => {
        ending.abort();
        for (const end of ends) end();
      };
    }, [client, limit]);
    return view.client === client ? view : none;
  }

  function useMessages(client: ChatClient, conversationId: string, limit = 50): MessagesView {
    const [view, setView] = useState<Shown | undefined>(undefined);

    useEffect(() => {
      const ending = new AbortController();
      const { signal } = ending;
      const conversation = client.conversation(conversationId);
      const waiting = () => client.outbox.filter((message) => message.conversationId === conversationId);
      const change = changeOf(setView, signal);
      const failed = (error: unknown) => change(() => ({ error }));
      const load = async () => {
        const page = await conversation.history({ limit, signal });
        change(({ messages, before }) => ({
          messages: withMessages(messages, page.messages),
          before: before === undefined ? page.before : before,
          error: undefined,
        }));
      };
      const ends = [
        client.on('message', (message) => {
          if (message.conversation_id === conversationId)
            change(({ messages }) => ({ messages: withMessages(messages, [message]) }));
        }),
        client.on('update', ({ conversation_id, data }) => {
          if (conversation_id !== conversationId || !data) return;
          const ids = data['message_ids'];
          if (Array.isArray(ids))
            change(({ messages }) => ({ messages: withoutMessages(messages, (one) => ids.includes(one.message_id)) }));
          const id = data['message_id'];
          if (typeof id !== 'string') return;
          conversation.message(id, { signal }).then(
            (message) => change(({ messages }) => ({ messages: withMessages(messages, [message], 'known') })), failed);
        }),
        client.on('reset', ({ conversation_id, last_seq }) => {
          if (conversation_id === conversationId)
            change(({ messages }) => ({ messages: withoutMessages(messages, (one) => one.seq > last_seq) }));
        }),
        client.on('outbox', () => change(() => ({ outgoing: waiting() }))),
        client.on('caught_up', () => void load().catch(failed)),
      ];
      setView({ client, conversationId, signal, messages: [], outgoing: waiting(), before: undefined, error: undefined });
      load().catch(failed);
      return () => {
        ending.abort();
        for (const end of ends) end();
      };
    }, [client, conversationId, limit]);

    // Until the effect has run, what is there is of the conversation before.
    const shown = view?.client === client && view.conversationId === conversationId ? view : undefined;
    const { messages = [], outgoing = [], before, error, signal } = shown ?? {};

    const loadEarlier = useCallback(async () => {
      if (typeof before !== 'number' || !signal) return;
      try {
        const page = await client.conversation(conversationId).history({ before, limit, signal });
        changeOf(setView, signal)(({ messages }) => ({
          messages: withMessages(messages, page.messages), before: page.before,
        }));
      } catch (failure) {
        if (!signal.aborted) throw failure;
      }
    }, [client, conversationId, limit, before, signal]);

    return { messages, outgoing, hasEarlier: typeof before === 'number', error, loadEarlier };
  }

  return { useConnectionState, useChatEvent, useInbox, useMessages };
}

/** Changes what is shown for as long as it is. */
function changeOf(
  setView: (next: (before: Shown | undefined) => Shown | undefined) => void, signal: AbortSignal,
): (change: (shown: Shown) => Partial<Shown>) => void {
  return (change) => setView((shown) => (shown?.signal === signal ? { ...shown, ...change(shown) } : shown));
}
