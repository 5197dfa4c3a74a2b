using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Timeline;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// What edits, deletions, reactions and votes make of messages that are in the timeline already: each row is loaded and
/// written once a run.
/// </summary>
internal static class MessageChanges
{
    /// <param name="changes">
    /// Events that change earlier messages, in the log's order. Whatever they change is in the table.
    /// </param>
    public static async Task ApplyAsync(IReadOnlyList<Recorded> changes, ReadModelSession session, CancellationToken cancellationToken)
    {
        var entries = await LoadAsync(changes.Select(KeyOf).ToHashSet(), session, cancellationToken);
        foreach (var fact in changes)
        {
            var key = KeyOf(fact);
            if (entries.TryGetValue(key, out var entry) && entry.Message is { } message)
                entries[key] = entry with { Message = TimelineProjection.Evolve(message, fact) };
        }

        await SaveAsync([.. entries.Values.Where(entry => entry.Message is not null)], session, cancellationToken);
    }

    private static (ConversationId Conversation, long Seq) KeyOf(Recorded fact) => (fact.Conversation, TimelineProjection.ChangedBy(fact)!.Value);

    private static async Task<Dictionary<(ConversationId, long), TimelineEntry>> LoadAsync(
        IReadOnlyCollection<(ConversationId Conversation, long Seq)> keys, ReadModelSession session, CancellationToken cancellationToken)
    {
        var entries = new Dictionary<(ConversationId, long), TimelineEntry>(keys.Count);
        await using var command = session.Command(
            $"""
            SELECT {ReadModelRows.StoredColumns} FROM unnest($1, $2) AS wanted(conversation_id, seq)
            JOIN timeline t ON t.conversation_id = wanted.conversation_id AND t.seq = wanted.seq
            """,
            keys.Select(key => key.Conversation.Value).ToArray(), keys.Select(key => key.Seq).ToArray());
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var entry = ReadModelRows.StoredEntry(row);
            entries.Add((entry.Conversation, entry.Seq), entry);
        }

        return entries;
    }

    private static async Task SaveAsync(IReadOnlyList<TimelineEntry> entries, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            """
            UPDATE timeline t
            SET bucket = n.bucket, content = n.content, edited_at = n.edited_at, deleted_at = n.deleted_at, reactions = n.reactions,
                votes = n.votes
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
                AS n(conversation_id, seq, bucket, content, edited_at, deleted_at, reactions, votes)
            WHERE t.conversation_id = n.conversation_id AND t.seq = n.seq
            """,
            entries.Select(entry => entry.Conversation.Value).ToArray(),
            entries.Select(entry => entry.Seq).ToArray(),
            Array(entries.Select(entry => entry.Message!.Content?.Bucket).ToArray(), NpgsqlDbType.Text),
            Array(entries.Select(entry => entry.Message!.Content?.Bytes.ToArray()).ToArray(), NpgsqlDbType.Bytea),
            Array(entries.Select(entry => entry.Message!.EditedAt?.UtcDateTime).ToArray(), NpgsqlDbType.TimestampTz),
            Array(entries.Select(entry => entry.Message!.DeletedAt?.UtcDateTime).ToArray(), NpgsqlDbType.TimestampTz),
            Array(entries.Select(entry => ReactionsJson.Write(entry.Message!.Reactions)).ToArray(), NpgsqlDbType.Jsonb),
            Array(entries.Select(entry => VotesJson.Write(entry.Message!.Votes)).ToArray(), NpgsqlDbType.Jsonb));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Array<T>(T[] values, NpgsqlDbType type) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };
}
