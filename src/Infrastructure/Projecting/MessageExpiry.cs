using ChatCqrs.Domain;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Timeline;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Messages that go, and those that are to go sooner. Their places stay, so that seqs have no gap; what they said, what
/// they replied to and what was done to them does not. In the order of the log, after what else a run does to messages:
/// whatever was done to one before or after it went is gone with it.
/// </summary>
internal static class MessageExpiry
{
    /// <summary>
    /// Waits for the sweep where it works on the same conversations. Precedes every other change of messages in the
    /// transaction.
    /// </summary>
    public static Task LockAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var conversations = facts
            .Where(fact => fact.Event is MessagesExpired or RetentionChanged { Shortened: not null })
            .Select(fact => fact.Conversation.Value).Distinct().ToArray();
        return conversations.Length == 0
            ? Task.CompletedTask
            : RetentionRuleRows.LockAsync(session.Connection, conversations, cancellationToken);
    }

    public static async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var expired = new List<Recorded>();
        foreach (var fact in facts)
        {
            if (fact.Event is MessagesExpired)
                expired.Add(fact);
            if (fact.Event is not RetentionChanged { Shortened: { } shortened })
                continue;
            await ExpireAsync(expired, session, cancellationToken);
            await ShortenAsync(fact, shortened, session, cancellationToken);
        }

        await ExpireAsync(expired, session, cancellationToken);
    }

    private static async Task ExpireAsync(
        List<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        if (facts.Count == 0)
            return;
        var messages = facts.SelectMany(fact => ((MessagesExpired)fact.Event).Messages, (fact, message) => (Fact: fact, message.Seq)).ToList();
        await using (var update = session.Command(
            $"""
            UPDATE timeline t
            SET bucket = NULL, content = NULL, reply_to = NULL, edited_at = NULL, deleted_at = NULL, reactions = NULL,
                votes = NULL, expired_at = gone.at, kept_until = NULL,
                expires_at = least(t.expires_at, {RetentionRuleSql.ShownUntil})
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

    /// <summary>
    /// What was sent before a shorter time was set is shown no longer than that either. However many messages that are,
    /// one row says so, and the sweep writes it into theirs (docs/adr/0082).
    /// </summary>
    private static async Task ShortenAsync(
        Recorded fact, IReadOnlyList<Shortening> shortened, ReadModelSession session,
        CancellationToken cancellationToken)
    {
        var conversation = fact.Conversation.Value;
        await using var numbered = session.Command(
            "SELECT message_no FROM timeline WHERE conversation_id = $1 AND seq = $2", conversation, fact.Revision);
        var messages = (long)(await numbered.ExecuteScalarAsync(cancellationToken))!;
        var rules = await RetentionRuleRows.LoadAsync(session.Connection, conversation, cancellationToken);
        foreach (var shortening in shortened)
            rules = RetentionRules.Add(rules, shortening, fact.Revision, messages);
        await RetentionRuleRows.SaveAsync(session.Connection, conversation, rules, cancellationToken);
    }
}
