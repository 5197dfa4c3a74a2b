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
    const [view, setView] = useState<InboxView>({ items: [], isLoading: true, error: undefined });
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
            setView({ items: conversations, isLoading: false, error: undefined });
          } catch (error) {
            if (!ending.signal.aborted) setView((before) => ({ ...before, isLoading: false, error }));
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
    return view;
  }

  function useMessages(client: ChatClient, conversationId: string, limit = 50): MessagesView {
    const none: readonly Message[] = [];
    const [messages, setMessages] = useState(none);
    const [outgoing, setOutgoing] = useState<readonly OutgoingMessage[]>([]);
    const [before, setBefore] = useState<number | null | undefined>(undefined);
    const [error, setError] = useState<unknown>(undefined);

    useEffect(() => {
      const ending = new AbortController();
      const { signal } = ending;
      const conversation = client.conversation(conversationId);
      const failed = (failure: unknown) => void (signal.aborted || setError(failure));
      const waiting = () => client.outbox.filter((message) => message.conversationId === conversationId);
      const load = async () => {
        const page = await conversation.history({ limit, signal });
        setMessages((known) => withMessages(known, page.messages));
        setBefore((known) => (known === undefined ? page.before : known));
        setError(undefined);
      };
      const ends = [
        client.on('message', (message) => {
          if (message.conversation_id === conversationId) setMessages((known) => withMessages(known, [message]));
        }),
        client.on('update', ({ conversation_id, data }) => {
          if (conversation_id !== conversationId || !data) return;
          const ids = data['message_ids'];
          if (Array.isArray(ids)) setMessages((known) => withoutMessages(known, (one) => ids.includes(one.message_id)));
          const id = data['message_id'];
          if (typeof id !== 'string') return;
          conversation.message(id, { signal }).then(
            (message) => setMessages((known) => withMessages(known, [message], 'known')), failed);
        }),
        client.on('reset', ({ conversation_id, last_seq }) => {
          if (conversation_id === conversationId)
            setMessages((known) => withoutMessages(known, (one) => one.seq > last_seq));
        }),
        client.on('outbox', () => setOutgoing(waiting())),
        client.on('caught_up', () => void load().catch(failed)),
      ];
      setMessages(none);
      setBefore(undefined);
      setOutgoing(waiting());
      load().catch(failed);
      return () => {
        ending.abort();
        for (const end of ends) end();
      };
    }, [client, conversationId, limit]);

    const loadEarlier = useCallback(async () => {
      if (before === null || before === undefined) return;
      const page = await client.conversation(conversationId).history({ before, limit });
      setMessages((known) => withMessages(known, page.messages));
      setBefore(page.before);
    }, [client, conversationId, limit, before]);

    return { messages, outgoing, hasEarlier: before !== null && before !== undefined, error, loadEarlier };
  }

  return { useConnectionState, useChatEvent, useInbox, useMessages };
}
