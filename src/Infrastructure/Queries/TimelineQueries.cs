using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Timeline;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="ITimeline"/>
internal sealed class TimelineQueries(NpgsqlDataSource database) : ITimeline
{
    public async Task<IReadOnlyList<TimelineEntry>> EntriesAsync(
        ConversationId conversation, long after, int limit, CancellationToken cancellationToken)
    {
        var entries = await database.QueryAsync(
            $"SELECT {Rows.EntryColumns} FROM chat.timeline t WHERE t.conversation_id = $1 AND t.seq > $2 ORDER BY t.seq LIMIT $3",
            row => Rows.Entry(row), cancellationToken, conversation.Value, after, limit);
        var edited = entries.Select(entry => (entry.Update as ConversationEvent.MessageEdited)?.MessageSeq).OfType<long>().Distinct().ToArray();
        return edited.Length == 0 ? entries : WithContents(entries, await ContentsAsync(conversation, edited, cancellationToken));
    }

    public async Task<IReadOnlyList<TimelineEntry>> MessagesAsync(
        ConversationId conversation, long from, long? after, long? before, int limit, CancellationToken cancellationToken)
    {
        var newestFirst = after is null;
        var messages = await database.QueryAsync(
            $"""
            SELECT {Rows.EntryColumns} FROM chat.timeline t
            WHERE t.conversation_id = $1 AND t.seq >= $2 AND t.seq > $3 AND t.seq < $4 AND {Rows.IsKept}
            ORDER BY t.seq {(newestFirst ? "DESC" : "")} LIMIT $5
            """,
            row => Rows.Entry(row), cancellationToken, conversation.Value, from, after ?? -1, before ?? long.MaxValue, limit);
        if (newestFirst)
            messages.Reverse();
        return messages;
    }

    public async Task<IReadOnlyList<TimelineEntry>> WrittenAsync(
        ConversationId conversation, UserId by, long after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT {Rows.EntryColumns} FROM chat.timeline t
        WHERE t.conversation_id = $1 AND t.actor = $2 AND t.message_id IS NOT NULL AND t.seq > $3 AND {Rows.IsKept} ORDER BY t.seq LIMIT $4
        """,
        row => Rows.Entry(row), cancellationToken, conversation.Value, by.Value, after, limit);

    public async Task<FoundMessage?> MessageAsync(
        ConversationId conversation, MessageId message, Member member, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT {Rows.EntryColumns}, c.last_seq FROM chat.message_ids i
            JOIN chat.timeline t ON t.conversation_id = i.conversation_id AND t.seq = i.seq
            JOIN chat.conversations c ON c.id = i.conversation_id
            WHERE i.message_id = $1 AND i.conversation_id = $2 AND i.seq >= $3 AND {Rows.IsKept} ORDER BY i.sender <> $4, i.seq LIMIT 1
            """,
            row => new FoundMessage(Rows.Entry(row), row.GetInt64(row.FieldCount - 1)), cancellationToken,
            message.Value, conversation.Value, member.JoinedSeq, member.User.Value)).FirstOrDefault();

    /// <summary>How many of a conversation's messages are looked at in their order for each one that is wanted, before they are looked for by their authors.</summary>
    private const int LookedAtForEach = 4;

    /// <remarks>
    /// In each conversation the next messages behind the read watermark are looked at. Where most of them are the user's own or deleted, the others' are looked
    /// for by each other member, so that it costs what is shown and who is there, however much the user has written.
    /// </remarks>
    public async Task<IReadOnlyList<TimelineEntry>> UnreadAsync(
        UserId user, UnreadPlace? after, int limit, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT {Rows.EntryColumns} FROM chat.mt_doc_members m
        LEFT JOIN chat.watermarks w ON w.conversation_id = m.conversation__id AND w.user_id = m.user__id
        CROSS JOIN LATERAL (
            WITH next AS MATERIALIZED (
                SELECT t.seq, t.actor <> m.user__id AND t.deleted_at IS NULL AS is_unread FROM chat.timeline t
                WHERE t.conversation_id = m.conversation__id AND t.seq >= (m.data ->> 'joined_seq')::bigint
                  AND t.seq > greatest(coalesce(w.read_seq, -1), CASE WHEN m.conversation__id = $2 THEN $3 ELSE -1 END) AND {Rows.IsKept}
                ORDER BY t.seq LIMIT $5
            )
            SELECT n.seq FROM next n WHERE n.is_unread
            UNION ALL
            SELECT t.seq FROM chat.mt_doc_members o CROSS JOIN LATERAL (
                SELECT t.seq FROM chat.timeline t
                WHERE t.conversation_id = o.conversation__id AND t.actor = o.user__id AND t.seq > (SELECT max(n.seq) FROM next n)
                  AND {Rows.IsKept} AND t.deleted_at IS NULL
                ORDER BY t.seq LIMIT $4
            ) t
            WHERE o.conversation__id = m.conversation__id AND o.user__id <> m.user__id
              AND (SELECT count(*) = $5 AND count(*) FILTER (WHERE n.is_unread) < $4 FROM next n)
            ORDER BY seq LIMIT $4
        ) unread
        JOIN chat.timeline t ON t.conversation_id = m.conversation__id AND t.seq = unread.seq
        WHERE m.user__id = $1 AND m.conversation__id >= $2 AND {Rows.IsMember}
        ORDER BY m.conversation__id, t.seq LIMIT $4
        """,
        row => Rows.Entry(row), cancellationToken,
        user.Value, after?.Conversation.Value ?? Guid.Empty, after?.Seq ?? -1, limit, (long)limit * LookedAtForEach);

    private async Task<Dictionary<long, SealedContent>> ContentsAsync(ConversationId conversation, long[] seqs, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT t.seq, t.bucket, t.content FROM chat.timeline t WHERE t.conversation_id = $1 AND t.seq = ANY ($2) AND t.content IS NOT NULL AND {Rows.IsKept}",
            row => (Seq: row.GetInt64(0), Content: new SealedContent(row.IsDBNull(1) ? null : row.GetString(1), row.GetFieldValue<byte[]>(2))),
            cancellationToken, conversation.Value, seqs)).ToDictionary(row => row.Seq, row => row.Content);

    private static List<TimelineEntry> WithContents(List<TimelineEntry> entries, Dictionary<long, SealedContent> contents) =>
    [
        .. entries.Select(entry => entry.Update is ConversationEvent.MessageEdited edited && contents.TryGetValue(edited.MessageSeq, out var content)
            ? entry with { Update = edited with { Content = content } }
            : entry),
    ];
}
