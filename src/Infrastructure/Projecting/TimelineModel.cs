using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Projections.Timeline;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// What happened in each conversation, entry by entry, and where every message id went: rows that are added by COPY.
/// </summary>
internal sealed class TimelineModel : IReadModel
{
    public string Name => "timeline";
    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        TimelineTables.Timeline, TimelineTables.MessageIds, TimelineTables.GoneMessages, TimelineTables.GoneAuthors,
        TimelineTables.LogTrims, TimelineTables.RetentionRules,
    ];

    public int WeightOf(Recorded fact) => fact.Event is ConversationEvent.MessagesExpired e ? e.Messages.Length : 0;

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var entries = facts.Select(TimelineProjection.Added).OfType<TimelineEntry>().ToList();
        if (entries.Count == 0)
            return;
        await MessageExpiry.LockAsync(facts, session, cancellationToken);
        await CopyAsync(entries, await CounterAsync(entries, session, cancellationToken), session, cancellationToken);
        await InsertIdsAsync([.. entries.Where(entry => entry.Message is not null)], session, cancellationToken);
        var changes = facts.Where(fact => TimelineProjection.ChangedBy(fact) is not null).ToList();
        if (changes.Count > 0)
            await MessageChanges.ApplyAsync(changes, session, cancellationToken);
        await MessageExpiry.ApplyAsync(facts, session, cancellationToken);
    }

    /// <summary>
    /// How far the numbering of messages is in the conversations of a run. Two looks into an index for each author.
    /// </summary>
    private static async Task<MessageCounter> CounterAsync(
        List<TimelineEntry> entries, ReadModelSession session, CancellationToken cancellationToken)
    {
        var wanted = entries.Select(entry => (Conversation: entry.Conversation.Value, Author: entry.Message?.Sender.Value ?? Guid.Empty)).Distinct().ToList();
        var conversations = new Dictionary<ConversationId, long>();
        var authors = new Dictionary<(ConversationId, UserId), long>();
        await using var command = session.Command(
            """
            SELECT wanted.conversation_id, wanted.author, coalesce(c.message_no, 0), coalesce(a.author_no, 0)
            FROM unnest($1, $2) AS wanted(conversation_id, author)
            LEFT JOIN LATERAL (
                SELECT t.message_no FROM timeline t WHERE t.conversation_id = wanted.conversation_id ORDER BY t.seq DESC LIMIT 1
            ) c ON true
            LEFT JOIN LATERAL (
                SELECT t.author_no FROM timeline t
                WHERE t.conversation_id = wanted.conversation_id AND t.actor = wanted.author AND t.message_id IS NOT NULL
                ORDER BY t.seq DESC LIMIT 1
            ) a ON true
            """,
            wanted.Select(pair => pair.Conversation).ToArray(), wanted.Select(pair => pair.Author).ToArray());
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var conversation = new ConversationId(row.GetGuid(0));
            conversations[conversation] = row.GetInt64(2);
            authors[(conversation, new UserId(row.GetGuid(1)))] = row.GetInt64(3);
        }

        return new MessageCounter(conversations, authors);
    }

    private static async Task CopyAsync(
        List<TimelineEntry> entries, MessageCounter counter, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var copy = await session.Connection.BeginBinaryImportAsync(
            """
            COPY timeline (conversation_id, seq, kind, at, actor, device, message_id, type, bucket, content, reply_to, expires_at,
                event, payload, message_no, author_no, kept_until, target_seq) FROM STDIN (FORMAT BINARY)
            """, cancellationToken);
        foreach (var entry in entries)
        {
            var message = entry.Message;
            var numbers = counter.Next(entry);
            await copy.StartRowAsync(cancellationToken);
            await copy.WriteAsync(entry.Conversation.Value, NpgsqlDbType.Uuid, cancellationToken);
            await copy.WriteAsync(entry.Seq, NpgsqlDbType.Bigint, cancellationToken);
            await copy.WriteAsync(entry.Kind, NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(entry.At.UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken);
            await WriteAsync(copy, entry.Actor?.Value, NpgsqlDbType.Uuid, cancellationToken);
            await WriteAsync(copy, message?.Device.Value, NpgsqlDbType.Uuid, cancellationToken);
            await WriteAsync(copy, message?.MessageId.Value, NpgsqlDbType.Uuid, cancellationToken);
            await WriteAsync(copy, (short?)message?.Type, NpgsqlDbType.Smallint, cancellationToken);
            await (message?.Content?.Bucket is { } bucket
                ? copy.WriteAsync(bucket, NpgsqlDbType.Text, cancellationToken)
                : copy.WriteNullAsync(cancellationToken));
            await (message?.Content is { } content
                ? copy.WriteAsync(content.Bytes, NpgsqlDbType.Bytea, cancellationToken)
                : copy.WriteNullAsync(cancellationToken));
            await WriteAsync(copy, message?.ReplyTo?.Value, NpgsqlDbType.Uuid, cancellationToken);
            await WriteAsync(copy, message?.ExpiresAt?.UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken);
            await WriteUpdateAsync(copy, entry.Update, cancellationToken);
            await copy.WriteAsync(numbers.InConversation, NpgsqlDbType.Bigint, cancellationToken);
            await WriteAsync(copy, numbers.OfAuthor, NpgsqlDbType.Bigint, cancellationToken);
            DateTime? keptUntil = message is null ? null : message.ExpiresAt?.UtcDateTime ?? DateTime.MaxValue; // Which PostgreSQL calls infinity.
            await WriteAsync(copy, keptUntil, NpgsqlDbType.TimestampTz, cancellationToken);
            var target = entry.Update is null ? null : TimelineProjection.TargetOf(entry.Update);
            await WriteAsync(copy, target, NpgsqlDbType.Bigint, cancellationToken);
        }

        await copy.CompleteAsync(cancellationToken);
    }

    /// <summary>
    /// The first message keeps its id. Two nodes may let a sender use one id in two conversations at the same instant;
    /// the second is then no retry of anything, also in a rebuild, which finds the first among the gone messages.
    /// </summary>
    private static async Task InsertIdsAsync(List<TimelineEntry> messages, ReadModelSession session, CancellationToken cancellationToken)
    {
        if (messages.Count == 0)
            return;
        await using var command = session.Command(
            """
            INSERT INTO message_ids (message_id, sender, conversation_id, seq, sent_at, fingerprint)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6) AS n(message_id, sender, conversation_id, seq, sent_at, fingerprint)
            WHERE NOT EXISTS (
                SELECT FROM gone_messages g JOIN gone_authors a ON a.conversation_id = g.conversation_id AND a.author = g.author
                WHERE g.message_id = n.message_id AND g.fingerprint IS NOT NULL AND a.user_id = n.sender)
            ON CONFLICT DO NOTHING
            """,
            messages.Select(entry => entry.Message!.MessageId.Value).ToArray(),
            messages.Select(entry => entry.Message!.Sender.Value).ToArray(),
            messages.Select(entry => entry.Conversation.Value).ToArray(),
            messages.Select(entry => entry.Seq).ToArray(),
            messages.Select(entry => entry.Message!.SentAt.UtcDateTime).ToArray(),
            messages.Select(entry => FingerprintColumn.Write(entry.Message!.Fingerprint)).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task WriteUpdateAsync(NpgsqlBinaryImporter copy, ConversationEvent? update, CancellationToken cancellationToken)
    {
        if (update is null)
        {
            await copy.WriteNullAsync(cancellationToken);
            await copy.WriteNullAsync(cancellationToken);
            return;
        }

        var format = EventRegistry.Of(update.GetType());
        await copy.WriteAsync(format.Name, NpgsqlDbType.Text, cancellationToken);
        await copy.WriteAsync(format.Write!(update), NpgsqlDbType.Bytea, cancellationToken);
    }

    private static Task WriteAsync<T>(NpgsqlBinaryImporter copy, T? value, NpgsqlDbType type, CancellationToken cancellationToken)
        where T : struct =>
        value is { } given ? copy.WriteAsync(given, type, cancellationToken) : copy.WriteNullAsync(cancellationToken);
}
