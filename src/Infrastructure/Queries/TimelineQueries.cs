using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Timeline;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="ITimeline"/>
internal sealed class TimelineQueries(NpgsqlDataSource database) : ITimeline
{
    public async Task<IReadOnlyList<TimelineEntry>> EntriesAsync(
        ConversationId conversation, long after, PageSize size, CancellationToken cancellationToken)
    {
        var (entries, _) = await PageAsync(
            "SELECT t.* FROM timeline t WHERE t.conversation_id = $1 AND t.seq > $2 ORDER BY t.seq LIMIT $3", "t.seq", size, cancellationToken,
            conversation.Value, after, size.Entries);
        if (EditedBy(entries) is not { Length: > 0 } edited)
            return entries;
        var fitting = Fitting(entries, await SizesAsync(conversation, edited, cancellationToken), size.Bytes);
        return WithContents(fitting, await ContentsAsync(conversation, EditedBy(fitting), cancellationToken));
    }

    public async Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, long from, long? after, long? before, PageSize size, CancellationToken cancellationToken)
    {
        var newestFirst = after is null;
        var order = newestFirst ? "t.seq DESC" : "t.seq";
        var (messages, _) = await PageAsync(
            $"""
            SELECT t.* FROM timeline t
            WHERE t.conversation_id = $1 AND t.seq >= $2 AND t.seq > $3 AND t.seq < $4 AND {ReadModelRows.IsKept} ORDER BY {order} LIMIT $5
            """,
            order, size, cancellationToken, conversation.Value, from, after ?? -1, before ?? long.MaxValue, size.Entries);
        if (newestFirst)
            messages.Reverse();
        return messages;
    }

    public async Task<IReadOnlyList<TimelineEntry>> WrittenAsync(
        ConversationId conversation, UserId by, long after, PageSize size, CancellationToken cancellationToken) => (await PageAsync(
        $"""
        SELECT t.* FROM timeline t
        WHERE t.conversation_id = $1 AND t.actor = $2 AND t.message_id IS NOT NULL AND t.seq > $3 AND {ReadModelRows.IsKept} ORDER BY t.seq LIMIT $4
        """,
        "t.seq", size, cancellationToken, conversation.Value, by.Value, after, size.Entries)).Entries;

    public async Task<FoundMessage?> MessageAsync(
        ConversationId conversation, MessageId message, Member member, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT {ReadModelRows.EntryColumns}, c.last_seq FROM message_ids i
            JOIN timeline t ON t.conversation_id = i.conversation_id AND t.seq = i.seq
            JOIN conversations c ON c.id = i.conversation_id
            WHERE i.message_id = $1 AND i.conversation_id = $2 AND i.seq >= $3 AND {ReadModelRows.IsKept} ORDER BY i.sender <> $4, i.seq LIMIT 1
            """,
            row => new FoundMessage(ReadModelRows.Entry(row), row.GetInt64(row.FieldCount - 1)), cancellationToken,
            message.Value, conversation.Value, member.JoinedSeq, member.User.Value)).FirstOrDefault();

    /// <summary>How many of a conversation's messages are looked at in their order for each one that is wanted, before they are looked for by their authors.</summary>
    private const int LookedAtForEach = 4;

    /// <remarks>
    /// In each conversation the next messages behind the read watermark are looked at. Where most of them are the user's own or deleted, the others' are looked
    /// for by each other member, so that it costs what is shown and who is there, however much the user has written.
    /// </remarks>
    public async Task<UnreadPage> UnreadAsync(UserId user, UnreadPlace? after, PageSize size, CancellationToken cancellationToken)
    {
        var limit = size.Entries + 1; // One more shows whether any follow.
        var (messages, found) = await PageAsync(
            UnreadRows, "t.conversation_id, t.seq", size, cancellationToken,
            user.Value, after?.Conversation.Value ?? Guid.Empty, after?.Seq ?? -1, limit, (long)limit * LookedAtForEach);
        var shown = messages.Take(size.Entries).ToList();
        return new UnreadPage(shown, found > shown.Count);
    }

    private const string UnreadRows =
        $"""
        SELECT t.* FROM members() m
        LEFT JOIN watermarks w ON w.conversation_id = m.conversation_id AND w.user_id = m.user_id
        CROSS JOIN LATERAL (
            WITH next AS MATERIALIZED (
                SELECT t.seq, t.actor <> m.user_id AND t.deleted_at IS NULL AS is_unread FROM timeline t
                WHERE t.conversation_id = m.conversation_id AND t.seq >= m.joined_seq
                  AND t.seq > greatest(coalesce(w.read_seq, -1), CASE WHEN m.conversation_id = $2 THEN $3 ELSE -1 END) AND {ReadModelRows.IsKept}
                ORDER BY t.seq LIMIT $5
            )
            SELECT n.seq FROM next n WHERE n.is_unread
            UNION ALL
            SELECT t.seq FROM members() o CROSS JOIN LATERAL (
                SELECT t.seq FROM timeline t
                WHERE t.conversation_id = o.conversation_id AND t.actor = o.user_id AND t.seq > (SELECT max(n.seq) FROM next n)
                  AND {ReadModelRows.IsKept} AND t.deleted_at IS NULL
                ORDER BY t.seq LIMIT $4
            ) t
            WHERE o.conversation_id = m.conversation_id AND o.user_id <> m.user_id
              AND (SELECT count(*) = $5 AND count(*) FILTER (WHERE n.is_unread) < $4 FROM next n)
            ORDER BY seq LIMIT $4
        ) unread
        JOIN timeline t ON t.conversation_id = m.conversation_id AND t.seq = unread.seq
        WHERE m.user_id = $1 AND m.conversation_id >= $2 AND m.left_seq IS NULL
        ORDER BY m.conversation_id, t.seq LIMIT $4
        """;

    /// <summary>The first entries that are found, up to the one that brings the page to its bytes. PostgreSQL tells how large a content is without reading it.</summary>
    /// <param name="rows">Finds rows of the timeline, in the order of the page and no more than may be on it.</param>
    /// <returns>How many there would have been without the bound in bytes, too.</returns>
    private async Task<(List<TimelineEntry> Entries, long Found)> PageAsync(
        string rows, string order, PageSize size, CancellationToken cancellationToken, params object[] parameters)
    {
        var found = 0L;
        var entries = await database.QueryAsync(
            $"""
            SELECT {ReadModelRows.EntryColumns}, t.found FROM (
                SELECT t.*, count(*) OVER () AS found,
                    coalesce(sum({ReadModelRows.StoredBytes}) OVER (ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
                FROM ({rows}) t
            ) t
            WHERE t.bytes_before < ${parameters.Length + 1} ORDER BY {order}
            """,
            row =>
            {
                found = row.GetInt64(row.FieldCount - 1);
                return ReadModelRows.Entry(row);
            },
            cancellationToken, [.. parameters, (long)size.Bytes]);
        return (entries, found);
    }

    private async Task<Dictionary<long, long>> SizesAsync(ConversationId conversation, long[] seqs, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT t.seq, octet_length(t.content)::bigint FROM timeline t WHERE t.conversation_id = $1 AND t.seq = ANY ($2) AND t.content IS NOT NULL AND {ReadModelRows.IsKept}",
            row => (Seq: row.GetInt64(0), Bytes: row.GetInt64(1)), cancellationToken, conversation.Value, seqs)).ToDictionary(row => row.Seq, row => row.Bytes);

    private async Task<Dictionary<long, SealedContent>> ContentsAsync(ConversationId conversation, long[] seqs, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT t.seq, t.bucket, t.content FROM timeline t WHERE t.conversation_id = $1 AND t.seq = ANY ($2) AND t.content IS NOT NULL AND {ReadModelRows.IsKept}",
            row => (Seq: row.GetInt64(0), Content: new SealedContent(row.IsDBNull(1) ? null : row.GetString(1), row.GetFieldValue<byte[]>(2))),
            cancellationToken, conversation.Value, seqs)).ToDictionary(row => row.Seq, row => row.Content);

    private static long? EditedBy(TimelineEntry entry) => (entry.Update as ConversationEvent.MessageEdited)?.MessageSeq;

    private static long[] EditedBy(List<TimelineEntry> entries) => [.. entries.Select(EditedBy).OfType<long>().Distinct()];

    /// <summary>Each edit comes with its message's content, so a page of edits may be large, too.</summary>
    private static List<TimelineEntry> Fitting(List<TimelineEntry> entries, Dictionary<long, long> editedBytes, int bytesMax)
    {
        var bytes = 0L;
        return [.. entries.TakeWhile(entry =>
        {
            var fits = bytes < bytesMax;
            bytes += (entry.Message?.Content?.Bytes.Length ?? 0) + (EditedBy(entry) is { } seq ? editedBytes.GetValueOrDefault(seq) : 0);
            return fits;
        })];
    }

    private static List<TimelineEntry> WithContents(List<TimelineEntry> entries, Dictionary<long, SealedContent> contents) =>
    [
        .. entries.Select(entry => entry.Update is ConversationEvent.MessageEdited edited && contents.TryGetValue(edited.MessageSeq, out var content)
            ? entry with { Update = edited with { Content = content } }
            : entry),
    ];
}
