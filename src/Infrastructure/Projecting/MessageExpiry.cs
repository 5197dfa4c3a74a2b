using ChatCqrs.Domain;
using ChatCqrs.Domain.Retention;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Messages that go, and those that are to go sooner. Their rows stay, so that seqs have no gap; what they said does
/// not. In the order of the log, after what else a run does to messages: whatever was done to one before or after it
/// went is gone with it.
/// </summary>
internal static class MessageExpiry
{
    /// <summary>
    /// Over how many entries of a conversation one statement goes when a shorter time is set; it may have kept
    /// millions.
    /// </summary>
    internal const int ShortenedAtOnce = 10_000;

    public static async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var expired = new List<Recorded>();
        foreach (var fact in facts)
        {
            if (fact.Event is MessagesExpired)
                expired.Add(fact);
            if (fact.Event is not RetentionChanged { Shortened: { } shortened })
                continue;
            await ExpireAsync(expired, session, cancellationToken);
            foreach (var each in shortened)
                await ShortenAsync(fact, each, session, cancellationToken);
        }

        await ExpireAsync(expired, session, cancellationToken);
    }

    private static async Task ExpireAsync(List<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        if (facts.Count == 0)
            return;
        var messages = facts.SelectMany(fact => ((MessagesExpired)fact.Event).Messages, (fact, message) => (Fact: fact, message.Seq)).ToList();
        await using (var update = session.Command(
            """
            UPDATE timeline t
            SET bucket = NULL, content = NULL, edited_at = NULL, reactions = NULL, expired_at = gone.at, kept_until = NULL
            FROM unnest($1, $2, $3) AS gone(conversation_id, seq, at)
            WHERE t.conversation_id = gone.conversation_id AND t.seq = gone.seq AND t.kept_until IS NOT NULL
            """,
            messages.Select(message => message.Fact.Conversation.Value).ToArray(), messages.Select(message => message.Seq).ToArray(),
            messages.Select(message => message.Fact.At.UtcDateTime).ToArray()))
            await update.ExecuteNonQueryAsync(cancellationToken);

        var last = facts.GroupBy(fact => fact.Conversation).Select(group => (Conversation: group.Key, Seq: group.Max(fact => fact.Revision))).ToList();
        await using (var trims = session.Command(
            """
            INSERT INTO log_trims (conversation_id, expiry_seq) SELECT * FROM unnest($1, $2)
            ON CONFLICT (conversation_id) DO UPDATE SET expiry_seq = excluded.expiry_seq
            """,
            last.Select(row => row.Conversation.Value).ToArray(), last.Select(row => row.Seq).ToArray()))
            await trims.ExecuteNonQueryAsync(cancellationToken);
        facts.Clear();
    }

    /// <summary>What was sent before a shorter time was set is shown no longer than that either.</summary>
    private static async Task ShortenAsync(Recorded fact, Shortening shortening, ReadModelSession session, CancellationToken cancellationToken)
    {
        for (var from = 0L; from < fact.Revision; from += ShortenedAtOnce)
        {
            await using var update = session.Command(
                """
                UPDATE timeline t SET expires_at = t.at + $5, kept_until = t.at + $5
                WHERE t.conversation_id = $1 AND t.seq >= $2 AND t.seq < $3 AND t.kept_until <= t.at + $4 AND t.kept_until > t.at + $5
                """,
                fact.Conversation.Value, from, Math.Min(from + ShortenedAtOnce, fact.Revision), shortening.From, shortening.To);
            await update.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
