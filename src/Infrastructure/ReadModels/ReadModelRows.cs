using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Projections.Timeline;
using Npgsql;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>Reads rows of the read models.</summary>
internal static class ReadModelRows
{
    /// <summary>The columns of a timeline row that <see cref="Entry"/> reads, in its order: without what is due to go, whether it was swept or not.</summary>
    public const string EntryColumns =
        $"""
        t.conversation_id, t.seq, t.kind, t.at, t.actor, t.device, t.message_id, t.type, t.bucket, CASE WHEN {IsKept} THEN t.content END, t.reply_to, t.expires_at,
        t.event, t.payload, t.edited_at, t.deleted_at, CASE WHEN {IsKept} THEN t.reactions END, t.expired_at
        """;

    /// <summary>The same columns as they are stored, whatever the time is.</summary>
    public const string StoredColumns =
        """
        t.conversation_id, t.seq, t.kind, t.at, t.actor, t.device, t.message_id, t.type, t.bucket, t.content, t.reply_to, t.expires_at, t.event, t.payload,
        t.edited_at, t.deleted_at, t.reactions, t.expired_at
        """;

    /// <summary>How many bytes come with a row, <c>t</c>. PostgreSQL knows them without fetching what is stored apart from the row.</summary>
    public const string StoredBytes = "coalesce(octet_length(t.content), 0) + coalesce(octet_length(t.payload), 0) + coalesce(pg_column_size(t.reactions), 0)";

    /// <summary>That a row, <c>t</c>, is a message whose time is not up.</summary>
    public const string IsKept = "t.kept_until > now()";

    /// <param name="offset">The ordinal of the first of <see cref="EntryColumns"/>.</param>
    public static TimelineEntry Entry(NpgsqlDataReader row, int offset = 0)
    {
        var at = row.GetFieldValue<DateTimeOffset>(offset + 3);
        UserId? actor = row.IsDBNull(offset + 4) ? null : new UserId(row.GetGuid(offset + 4));
        var message = row.IsDBNull(offset + 6) ? null : new TimelineMessage(
            new MessageId(row.GetGuid(offset + 6)), actor!.Value, new DeviceId(row.GetGuid(offset + 5)), (MessageType)row.GetInt16(offset + 7),
            row.IsDBNull(offset + 9) ? null : new SealedContent(row.IsDBNull(offset + 8) ? null : row.GetString(offset + 8), row.GetFieldValue<byte[]>(offset + 9)),
            default, row.IsDBNull(offset + 10) ? null : new MessageId(row.GetGuid(offset + 10)), at,
            row.IsDBNull(offset + 11) ? null : row.GetFieldValue<DateTimeOffset>(offset + 11))
        {
            EditedAt = row.IsDBNull(offset + 14) ? null : row.GetFieldValue<DateTimeOffset>(offset + 14),
            DeletedAt = row.IsDBNull(offset + 15) ? null : row.GetFieldValue<DateTimeOffset>(offset + 15),
            Reactions = row.IsDBNull(offset + 16) ? [] : ReactionsJson.Read(row.GetString(offset + 16)),
            ExpiredAt = row.IsDBNull(offset + 17) ? null : row.GetFieldValue<DateTimeOffset>(offset + 17),
        };
        var update = row.IsDBNull(offset + 12)
            ? null
            : (ConversationEvent)EventRegistry.Of(row.GetString(offset + 12)).Read(row.GetFieldValue<byte[]>(offset + 13), at);
        return new TimelineEntry(
            new ConversationId(row.GetGuid(offset)), row.GetInt64(offset + 1), row.GetString(offset + 2), at, actor, message, update);
    }

    /// <param name="offset">The ordinal of the title; who gave it follows.</param>
    public static GroupTitle? Title(NpgsqlDataReader row, int offset) => row.IsDBNull(offset)
        ? null
        : new GroupTitle(new SealedContent(null, row.GetFieldValue<byte[]>(offset)), new UserId(row.GetGuid(offset + 1)));
}
