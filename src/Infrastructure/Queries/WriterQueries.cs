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
    public async Task<IReadOnlyList<SentMessage>> FindAsync(
        IReadOnlyCollection<(UserId Sender, MessageId Message)> messages, ConversationId? conversation,
        CancellationToken cancellationToken) => await database.QueryAsync(
        """
        SELECT i.message_id, i.sender, i.conversation_id, i.seq, i.sent_at, i.fingerprint
        FROM unnest($1, $2) AS key(message_id, sender)
        JOIN message_ids i ON i.message_id = key.message_id AND (i.sender = key.sender OR i.conversation_id = $3)
        UNION
        SELECT g.message_id, a.user_id, g.conversation_id, g.seq, g.sent_at, g.fingerprint
        FROM unnest($1, $2) AS key(message_id, sender)
        JOIN gone_messages g ON g.message_id = key.message_id AND g.fingerprint IS NOT NULL
        JOIN gone_authors a ON a.conversation_id = g.conversation_id AND a.author = g.author
            AND (a.user_id = key.sender OR g.conversation_id = $3)
        """,
        row => new SentMessage(
            new(row.GetGuid(0)), new(row.GetGuid(1)), new(row.GetGuid(2)), row.GetInt64(3),
            row.GetFieldValue<DateTimeOffset>(4), FingerprintColumn.Read(row.GetGuid(5))),
        cancellationToken,
        messages.Select(m => m.Message.Value).ToArray(), messages.Select(m => m.Sender.Value).ToArray(),
        conversation?.Value ?? Guid.Empty);
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
