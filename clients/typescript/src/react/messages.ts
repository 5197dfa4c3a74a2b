import type { Message } from '../index.js';

/** Puts messages into their places by seq; one that is there already is replaced. `known`: only replaces. */
export function withMessages(
  known: readonly Message[], more: readonly Message[], which: 'all' | 'known' = 'all',
): readonly Message[] {
  const bySeq = new Map(known.map((message) => [message.seq, message]));
  for (const message of more) if (which === 'all' || bySeq.has(message.seq)) bySeq.set(message.seq, message);
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

export function withoutMessages(
  known: readonly Message[], isGone: (message: Message) => boolean,
): readonly Message[] {
  return known.filter((message) => !isGone(message));
}
