using System.Buffers.Binary;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Directory;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;
using ChatCqrs.Projections.Timeline;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Projecting;

internal sealed class InboxModel : IReadModel
{
    public string Name => "inbox";
    public IReadOnlyList<string> Tables { get; } = ["mt_doc_conversations", "mt_doc_members"];

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        await DocumentFold<ConversationView, ConversationsProjection>.ApplyAsync(facts, session, view => view.Id, null, cancellationToken);
        await DocumentFold<MemberView, MembersProjection>.ApplyAsync(facts, session, view => view.Id, null, cancellationToken);
    }
}

internal sealed class DirectoryModel : IReadModel
{
    public string Name => "directory";
    public IReadOnlyList<string> Tables { get; } = ["mt_doc_users"];

    public Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken) =>
        DocumentFold<UserView, UsersProjection>.ApplyAsync(facts, session, view => view.Id, null, cancellationToken);
}

internal sealed class ReceiptsModel : IReadModel
{
    public string Name => "receipts";
    public IReadOnlyList<string> Tables { get; } = ["mt_doc_watermarks", "receipt_marks"];

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var marks = new List<ReceiptMark>();
        await DocumentFold<WatermarkView, WatermarksProjection>.ApplyAsync(
            facts, session, view => view.Id, (before, after, fact) => marks.AddRange(WatermarksProjection.Marks(before, after!, fact)), cancellationToken);
        if (marks.Count == 0)
            return;

        await using var copy = await session.Connection.BeginBinaryImportAsync(
            $"COPY {session.Schema}.receipt_marks (conversation_id, user_id, is_read, up_to_seq, at) FROM STDIN (FORMAT BINARY)", cancellationToken);
        foreach (var mark in marks)
        {
            await copy.StartRowAsync(cancellationToken);
            await copy.WriteAsync(mark.Conversation.Value, NpgsqlDbType.Uuid, cancellationToken);
            await copy.WriteAsync(mark.User.Value, NpgsqlDbType.Uuid, cancellationToken);
            await copy.WriteAsync(mark.IsRead, NpgsqlDbType.Boolean, cancellationToken);
            await copy.WriteAsync(mark.UpToSeq, NpgsqlDbType.Bigint, cancellationToken);
            await copy.WriteAsync(mark.At.UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken);
        }

        await copy.CompleteAsync(cancellationToken);
    }
}

internal sealed class TimelineModel : IReadModel
{
    public string Name => "timeline";
    public IReadOnlyList<string> Tables { get; } = ["timeline", "message_ids"];

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var entries = facts.Select(TimelineProjection.Added).OfType<TimelineEntry>().ToList();
        if (entries.Count == 0)
            return;
        await CopyEntriesAsync(entries, session, cancellationToken);
        await InsertIdsAsync([.. entries.Where(entry => entry.Message is not null)], session, cancellationToken);
    }

    private static async Task CopyEntriesAsync(List<TimelineEntry> entries, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var copy = await session.Connection.BeginBinaryImportAsync(
            $"""
            COPY {session.Schema}.timeline (conversation_id, seq, kind, at, actor, device, message_id, type, bucket, content, reply_to, expires_at, members)
            FROM STDIN (FORMAT BINARY)
            """, cancellationToken);
        foreach (var entry in entries)
        {
            var message = entry.Message;
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
            await (entry.Members is { } members
                ? copy.WriteAsync(members.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Uuid, cancellationToken)
                : copy.WriteNullAsync(cancellationToken));
        }

        await copy.CompleteAsync(cancellationToken);
    }

    /// <summary>
    /// The first message keeps its id. Two nodes may let a sender use one id in two conversations at the same instant; the second is then no retry of anything.
    /// </summary>
    private static async Task InsertIdsAsync(List<TimelineEntry> messages, ReadModelSession session, CancellationToken cancellationToken)
    {
        if (messages.Count == 0)
            return;
        await using var command = session.Connection.CreateCommand();
        command.CommandText =
            $"""
            INSERT INTO {session.Schema}.message_ids (message_id, sender, conversation_id, seq, sent_at, fingerprint)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """;
        command.Parameters.Add(new() { Value = messages.Select(entry => entry.Message!.MessageId.Value).ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(entry => entry.Message!.Sender.Value).ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(entry => entry.Conversation.Value).ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(entry => entry.Seq).ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(entry => entry.Message!.SentAt.UtcDateTime).ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(entry => ToGuid(entry.Message!.Fingerprint)).ToArray() });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static Task WriteAsync<T>(NpgsqlBinaryImporter copy, T? value, NpgsqlDbType type, CancellationToken cancellationToken)
        where T : struct =>
        value is { } given ? copy.WriteAsync(given, type, cancellationToken) : copy.WriteNullAsync(cancellationToken);

    /// <summary>Sixteen bytes in PostgreSQL's smallest type for them.</summary>
    public static Guid ToGuid(Fingerprint fingerprint)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, fingerprint.Value);
        return new Guid(bytes, bigEndian: true);
    }

    public static Fingerprint ToFingerprint(Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        return new Fingerprint(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }
}
