using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using ChatCqrs.Projections.Snapshots;
using Marten;
using Npgsql;

namespace ChatCqrs.Infrastructure.Queries;

/// <inheritdoc cref="ISentMessages"/>
internal sealed class SentMessageQueries(NpgsqlDataSource database) : ISentMessages
{
    public async Task<IReadOnlyDictionary<(UserId Sender, MessageId Message), SentMessage>> FindAsync(
        IReadOnlyCollection<(UserId Sender, MessageId Message)> messages, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            """
            SELECT i.message_id, i.sender, i.conversation_id, i.seq, i.sent_at, i.fingerprint
            FROM unnest($1, $2) AS key(message_id, sender)
            JOIN message_ids i ON i.message_id = key.message_id AND i.sender = key.sender
            """,
            row => (
                Key: (new UserId(row.GetGuid(1)), new MessageId(row.GetGuid(0))),
                Message: new SentMessage(
                    new(row.GetGuid(2)), row.GetInt64(3), row.GetFieldValue<DateTimeOffset>(4),
                    FingerprintColumn.Read(row.GetGuid(5)))),
            cancellationToken,
            messages.Select(m => m.Message.Value).ToArray(), messages.Select(m => m.Sender.Value).ToArray());
        return rows.ToDictionary(row => row.Key, row => row.Message);
    }
}

/// <inheritdoc cref="ISnapshots"/>
internal sealed class SnapshotQueries(IDocumentStore documents) : ISnapshots
{
    public Task<Snapshot<Conversation>?> ConversationAsync(ConversationId id, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var session = documents.QuerySession();
            return await session.LoadAsync<ConversationSnapshot>(id.ToString(), cancellationToken) is { } s
                ? new Snapshot<Conversation>(s.ToState(), s.Revision, s.Hash, new LogPosition(s.Position))
                : null;
        });

    public Task<Snapshot<Watermarks>?> ReceiptsAsync(ConversationId id, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var session = documents.QuerySession();
            return await session.LoadAsync<ReceiptsSnapshot>(id.ToString(), cancellationToken) is { } s
                ? new Snapshot<Watermarks>(s.ToState(), s.Revision, s.Hash, new LogPosition(s.Position))
                : null;
        });
}
