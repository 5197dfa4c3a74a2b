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
    /// <summary>
    /// How many messages of a conversation are read in their order for each unread message that is asked for, before
    /// the query looks for them by author.
    /// </summary>
    private const int ReadForEach = 4;

    public async Task<IReadOnlyList<TimelineEntry>> EntriesAsync(
        ConversationId conversation, long after, PageSize size, CancellationToken cancellationToken)
    {
        var (entries, _) = await PageAsync(
            EntryRows, "t.seq", size, cancellationToken, conversation.Value, after, size.Entries);
        if (EditedBy(entries) is not { Length: > 0 } edited)
            return entries;
        var fitting = Fitting(entries, await SizesAsync(conversation, edited, cancellationToken), size.Bytes);
        return WithContents(fitting, await ContentsAsync(conversation, EditedBy(fitting), cancellationToken));
    }

    /// <summary>
    /// The next entries of the conversation <c>$1</c> after the seq <c>$2</c>, at most <c>$3</c>: each is in one of the
    /// two tables.
    /// </summary>
    private const string EntryRows =
        $"""
        SELECT * FROM (
            (SELECT {ReadModelRows.PlaceColumns} FROM timeline t WHERE t.conversation_id = $1 AND t.seq > $2 ORDER BY t.seq LIMIT $3)
            UNION ALL
            ({ReadModelRows.GonePlaces} WHERE g.conversation_id = $1 AND g.seq > $2 ORDER BY g.seq LIMIT $3)
        ) t ORDER BY t.seq LIMIT $3
        """;

    public async Task<MessagePage> MessagesAsync(
        ConversationId conversation, long from, long? after, long? before, PageSize size,
        CancellationToken cancellationToken)
    {
        var newestFirst = after is null;
        var order = newestFirst ? "t.seq DESC" : "t.seq";
        var (messages, found) = await PageAsync(
            $"""
            SELECT t.* FROM timeline t
            WHERE t.conversation_id = $1 AND t.seq >= $2 AND t.seq > $3 AND t.seq < $4 AND {ReadModelRows.IsKept}
            ORDER BY {order} LIMIT $5
            """,
            order, size, cancellationToken,
            conversation.Value, from, after ?? -1, before ?? long.MaxValue, size.Entries + 1); // One more: more follow.
        var shown = messages.Take(size.Entries).ToList();
        if (newestFirst)
            shown.Reverse();
        return new MessagePage(shown, found > shown.Count);
    }

    public async Task<long> SeqAtAsync(
        ConversationId conversation, long from, DateTimeOffset time, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            """
            WITH RECURSIVE search(low, high) AS (
                -- Entries up to low are earlier, those from high on are not. Gone messages that have left the table count
                -- as earlier: they all precede the first kept one.
                SELECT $2 - 1, greatest($2, coalesce(
                    (SELECT t.seq + 1 FROM timeline t WHERE t.conversation_id = $1 ORDER BY t.seq DESC LIMIT 1), 0))
                UNION ALL
                SELECT CASE WHEN t.at >= $3 THEN s.low ELSE s.middle END, CASE WHEN t.at >= $3 THEN s.middle ELSE s.high END
                FROM (SELECT low, high, low + (high - low) / 2 AS middle FROM search WHERE high - low > 1) s
                LEFT JOIN timeline t ON t.conversation_id = $1 AND t.seq = s.middle
            )
            SELECT min(high) FROM search
            """,
            row => row.GetInt64(0), cancellationToken, conversation.Value, from, time);
        return found[0];
    }

    public async Task<IReadOnlyList<TimelineEntry>> WrittenAsync(
        ConversationId conversation, UserId by, long after, PageSize size, CancellationToken cancellationToken)
    {
        var (messages, _) = await PageAsync(
            $"""
            SELECT t.* FROM timeline t
            WHERE t.conversation_id = $1 AND t.actor = $2 AND t.message_id IS NOT NULL AND t.seq > $3 AND {ReadModelRows.IsKept}
            ORDER BY t.seq LIMIT $4
            """,
            "t.seq", size, cancellationToken, conversation.Value, by.Value, after, size.Entries);
        return messages;
    }

    public async Task<FoundMessage?> MessageAsync(
        ConversationId conversation, MessageId message, Member member, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            $"""
            SELECT {ReadModelRows.EntryColumns}, c.last_seq FROM message_ids i
            JOIN timeline t ON t.conversation_id = i.conversation_id AND t.seq = i.seq
            JOIN conversations c ON c.id = i.conversation_id
            WHERE i.message_id = $1 AND i.conversation_id = $2 AND i.seq >= $3 AND {ReadModelRows.IsKept}
            ORDER BY i.sender <> $4, i.seq LIMIT 1
            """,
            row => new FoundMessage(ReadModelRows.Entry(row), row.GetInt64(row.FieldCount - 1)), cancellationToken,
            message.Value, conversation.Value, member.JoinedSeq, member.User.Value);
        return found.FirstOrDefault();
    }

    public async Task<MessagePage> UnreadAsync(
        UserId user, UnreadPlace? after, PageSize size, CancellationToken cancellationToken)
    {
        var limit = size.Entries + 1; // One more than the page holds: more follow.
        var (messages, found) = await PageAsync(
            UnreadRows, "t.conversation_id, t.seq", size, cancellationToken,
            user.Value, after?.Conversation.Value ?? Guid.Empty, after?.Seq ?? -1, limit, (long)limit * ReadForEach);
        var shown = messages.Take(size.Entries).ToList();
        return new MessagePage(shown, found > shown.Count);
    }

    /// <summary>
    /// Unread messages, conversation by conversation. Each conversation is read in its order behind the read watermark.
    /// Where most of what is read there is the user's own, deleted or erased, each other member's messages are looked
    /// up by an index, so the cost depends on the page and the members, not on how much the user has written.
    /// Parameters: user, conversation and seq that the page before ended with, limit, how many messages of a
    /// conversation are read in order.
    /// </summary>
    private const string UnreadRows =
        $"""
        SELECT t.* FROM members() m
        LEFT JOIN watermarks w ON w.conversation_id = m.conversation_id AND w.user_id = m.user_id
        CROSS JOIN LATERAL (
            WITH next AS MATERIALIZED (
                SELECT t.seq, t.actor <> m.user_id AND t.deleted_at IS NULL AND NOT EXISTS (
                    SELECT FROM erased_members e WHERE e.conversation_id = m.conversation_id AND e.user_id = t.actor) AS is_unread
                FROM timeline t
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
            WHERE o.conversation_id = m.conversation_id AND o.user_id <> m.user_id AND NOT EXISTS (
                SELECT FROM erased_members e WHERE e.conversation_id = o.conversation_id AND e.user_id = o.user_id)
              AND (SELECT count(*) = $5 AND count(*) FILTER (WHERE n.is_unread) < $4 FROM next n)
            ORDER BY seq LIMIT $4
        ) unread
        JOIN timeline t ON t.conversation_id = m.conversation_id AND t.seq = unread.seq
        WHERE m.user_id = $1 AND m.conversation_id >= $2 AND m.left_seq IS NULL
        ORDER BY m.conversation_id, t.seq LIMIT $4
        """;

    /// <summary>
    /// The first rows, up to the one that brings the page to its bytes. PostgreSQL knows the size of a content without
    /// reading it.
    /// </summary>
    /// <param name="rows">
    /// Selects rows of the timeline, in the order of the page and at most as many as it may have.
    /// </param>
    /// <param name="order">The order of the page, over the rows <c>t</c>.</param>
    /// <param name="parameters">The parameters of <paramref name="rows"/>.</param>
    /// <returns>The entries, and how many there would have been without the bound in bytes.</returns>
    private async Task<(List<TimelineEntry> Entries, long Found)> PageAsync(
        string rows, string order, PageSize size, CancellationToken cancellationToken, params object[] parameters)
    {
        var found = 0L;
        var entries = await database.QueryAsync(
            $"""
            SELECT {ReadModelRows.EntryColumns}, t.found FROM (
                SELECT t.*, count(*) OVER () AS found, coalesce(sum({ReadModelRows.StoredBytes}) OVER (
                    ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
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

    /// <summary>The bytes of messages' contents, by seq.</summary>
    private async Task<Dictionary<long, long>> SizesAsync(
        ConversationId conversation, long[] seqs, CancellationToken cancellationToken)
    {
        var sizes = await database.QueryAsync(
            $"SELECT t.seq, octet_length(t.content)::bigint {KeptContents}",
            row => (Seq: row.GetInt64(0), Bytes: row.GetInt64(1)), cancellationToken, conversation.Value, seqs);
        return sizes.ToDictionary(row => row.Seq, row => row.Bytes);
    }

    /// <summary>Messages' contents, by seq.</summary>
    private async Task<Dictionary<long, SealedContent>> ContentsAsync(
        ConversationId conversation, long[] seqs, CancellationToken cancellationToken)
    {
        var contents = await database.QueryAsync(
            $"SELECT t.seq, t.bucket, t.content {KeptContents}",
            row => (
                Seq: row.GetInt64(0),
                Content: new SealedContent(row.IsDBNull(1) ? null : row.GetString(1), row.GetFieldValue<byte[]>(2))),
            cancellationToken, conversation.Value, seqs);
        return contents.ToDictionary(row => row.Seq, row => row.Content);
    }

    private const string KeptContents =
        $"""
        FROM timeline t WHERE t.conversation_id = $1 AND t.seq = ANY ($2) AND t.content IS NOT NULL AND {ReadModelRows.IsKept}
        """;

    /// <summary>The seq of the message that an entry edits; null for no edit.</summary>
    private static long? EditedBy(TimelineEntry entry) => (entry.Update as ConversationEvent.MessageEdited)?.MessageSeq;

    private static long[] EditedBy(List<TimelineEntry> entries) =>
        [.. entries.Select(EditedBy).OfType<long>().Distinct()];

    /// <summary>
    /// The entries that fit a page, edits counted with the content of their message, which they are shown with.
    /// </summary>
    private static List<TimelineEntry> Fitting(
        List<TimelineEntry> entries, Dictionary<long, long> editedBytes, int bytesMax)
    {
        var bytes = 0L;
        return [.. entries.TakeWhile(entry =>
        {
            var fits = bytes < bytesMax;
            bytes += (entry.Message?.Content?.Bytes.Length ?? 0)
                + (EditedBy(entry) is { } seq ? editedBytes.GetValueOrDefault(seq) : 0);
            return fits;
        })];
    }

    private static List<TimelineEntry> WithContents(
        List<TimelineEntry> entries, Dictionary<long, SealedContent> contents) =>
    [
        .. entries.Select(entry =>
            entry.Update is ConversationEvent.MessageEdited edited
                && contents.TryGetValue(edited.MessageSeq, out var content)
                ? entry with { Update = edited with { Content = content } }
                : entry),
    ];
}
