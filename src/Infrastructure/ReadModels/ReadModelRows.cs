using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Projections.Timeline;
using Npgsql;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>The columns of the timeline and of titles, and how their rows are read.</summary>
internal static class ReadModelRows
{
    /// <summary>
    /// The columns that <see cref="Entry"/> reads, of a row <c>t</c> of the timeline. Contents that are due to expire
    /// are left out, whether they were swept or not.
    /// </summary>
    public const string EntryColumns =
        $"""
        t.conversation_id, t.seq, t.kind, t.at, t.actor, t.device, t.message_id, t.type, t.bucket,
        CASE WHEN {IsKept} THEN t.content END, t.reply_to, least(t.expires_at, {RetentionRuleSql.ShownUntil}),
        t.event, t.payload, t.edited_at, t.deleted_at, CASE WHEN {IsKept} THEN t.reactions END,
        CASE WHEN {IsKept} THEN t.votes END
        """;

    /// <summary>The same columns as they are stored, also where contents are due to expire.</summary>
    private const string Stored =
        """
        t.conversation_id, t.seq, t.kind, t.at, t.actor, t.device, t.message_id, t.type, t.bucket, t.content, t.reply_to, t.expires_at,
        t.event, t.payload, t.edited_at, t.deleted_at, t.reactions, t.votes
        """;

    /// <summary>The columns that <see cref="StoredEntry"/> reads.</summary>
    public const string StoredColumns = $"{Stored}, t.expired_at";

    /// <summary>The columns of a row <c>t</c> that the other constants are computed from.</summary>
    public const string PlaceColumns = $"{Stored}, t.kept_until";

    /// <summary>
    /// The same columns of gone messages <c>g</c>, which have left the timeline: an entry without content.
    /// </summary>
    public const string GonePlaces =
        $"""
        SELECT g.conversation_id, g.seq, '{TimelineEntry.MessageKind}', g.sent_at, a.user_id, a.device, g.message_id, g.type, NULL::text, NULL::bytea,
            NULL::uuid, g.expires_at, NULL::text, NULL::bytea, NULL::timestamptz, NULL::timestamptz, NULL::jsonb, NULL::jsonb, NULL::timestamptz
        FROM gone_messages g JOIN gone_authors a ON a.conversation_id = g.conversation_id AND a.author = g.author
        """;

    /// <summary>
    /// The bytes of a row <c>t</c>. PostgreSQL knows them without fetching values that are stored apart from the row.
    /// </summary>
    public const string StoredBytes =
        """
        coalesce(octet_length(t.content), 0) + coalesce(octet_length(t.payload), 0) + coalesce(pg_column_size(t.reactions), 0)
            + coalesce(pg_column_size(t.votes), 0)
        """;

    /// <summary>Whether a row <c>t</c> is a message that has not expired and is not due to.</summary>
    public const string IsKept = $"t.kept_until > now() AND NOT ({RetentionRuleSql.IsDue})";

    /// <param name="offset">The ordinal of the first of <see cref="EntryColumns"/>.</param>
    public static TimelineEntry Entry(NpgsqlDataReader row, int offset = 0)
    {
        var at = row.GetFieldValue<DateTimeOffset>(offset + 3);
        UserId? actor = row.IsDBNull(offset + 4) ? null : new UserId(row.GetGuid(offset + 4));
        return new TimelineEntry(
            new ConversationId(row.GetGuid(offset)), row.GetInt64(offset + 1), row.GetString(offset + 2), at, actor,
            row.IsDBNull(offset + 6) ? null : Message(row, offset, at, actor!.Value),
            row.IsDBNull(offset + 12) ? null : Update(row, offset, at));
    }

    /// <summary>An entry as the fold needs it, of a row of <see cref="StoredColumns"/>.</summary>
    public static TimelineEntry StoredEntry(NpgsqlDataReader row) => Entry(row) switch
    {
        { Message: { } message } entry => entry with { Message = message with { ExpiredAt = Time(row, 18) } },
        var update => update,
    };

    /// <param name="offset">The ordinal of the title; its author follows.</param>
    public static GroupTitle? Title(NpgsqlDataReader row, int offset) => row.IsDBNull(offset)
        ? null
        : new GroupTitle(
            new SealedContent(null, row.GetFieldValue<byte[]>(offset)), new UserId(row.GetGuid(offset + 1)));

    private static TimelineMessage Message(NpgsqlDataReader row, int offset, DateTimeOffset at, UserId sender) => new(
        new MessageId(row.GetGuid(offset + 6)), sender, new DeviceId(row.GetGuid(offset + 5)),
        (MessageType)row.GetInt16(offset + 7), Content(row, offset + 8), Fingerprint: default,
        row.IsDBNull(offset + 10) ? null : new MessageId(row.GetGuid(offset + 10)), at, Time(row, offset + 11))
    {
        EditedAt = Time(row, offset + 14),
        DeletedAt = Time(row, offset + 15),
        Reactions = row.IsDBNull(offset + 16) ? [] : ReactionsJson.Read(row.GetString(offset + 16)),
        Votes = row.IsDBNull(offset + 17) ? [] : VotesJson.Read(row.GetString(offset + 17)),
    };

    private static ConversationEvent Update(NpgsqlDataReader row, int offset, DateTimeOffset at)
    {
        var format = EventRegistry.Of(row.GetString(offset + 12));
        return (ConversationEvent)format.Read(row.GetFieldValue<byte[]>(offset + 13), at);
    }

    /// <param name="offset">The ordinal of the bucket; the bytes follow, null once they are gone.</param>
    private static SealedContent? Content(NpgsqlDataReader row, int offset) => row.IsDBNull(offset + 1)
        ? null
        : new SealedContent(
            row.IsDBNull(offset) ? null : row.GetString(offset), row.GetFieldValue<byte[]>(offset + 1));

    private static DateTimeOffset? Time(NpgsqlDataReader row, int ordinal) =>
        row.IsDBNull(ordinal) ? null : row.GetFieldValue<DateTimeOffset>(ordinal);
}
