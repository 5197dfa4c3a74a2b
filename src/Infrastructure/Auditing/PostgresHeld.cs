using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="IHeld"/>
internal sealed class PostgresHeld(NpgsqlDataSource database, ContentSealer sealer) : IHeld
{
    /// <summary>The advisory lock of placing (alone) and removing (shared): "ChatHold" in ASCII.</summary>
    private const long Lock = 0x43686174486f6c64;

    public Task<IAsyncDisposable> LockForPlacingAsync(CancellationToken cancellationToken) =>
        LockAsync("pg_advisory_lock", "pg_advisory_unlock", cancellationToken);

    public Task<IAsyncDisposable> LockForRemovingAsync(CancellationToken cancellationToken) =>
        LockAsync("pg_advisory_lock_shared", "pg_advisory_unlock_shared", cancellationToken);

    public async Task<IReadOnlyList<HeldScope>> ScopesAsync(CancellationToken cancellationToken) =>
        await database.QueryAsync(
            $"""
            SELECT hold_id, conversations, users, from_at, to_at, placed_at FROM {HeldSchema.Scopes} ORDER BY hold_id
            """,
            row => new HeldScope(
                new HoldId(row.GetGuid(0)),
                new AuditScope(
                    [.. row.GetFieldValue<Guid[]>(1).Select(id => new ConversationId(id))],
                    [.. row.GetFieldValue<Guid[]>(2).Select(id => new UserId(id))],
                    row.IsDBNull(3) ? null : row.GetFieldValue<DateTimeOffset>(3),
                    row.IsDBNull(4) ? null : row.GetFieldValue<DateTimeOffset>(4)),
                row.GetFieldValue<DateTimeOffset>(5)),
            cancellationToken);

    public Task PlaceAsync(HeldScope scope, CancellationToken cancellationToken) => database.ExecuteAsync(
        $"""
        INSERT INTO {HeldSchema.Scopes} (hold_id, conversations, users, from_at, to_at, placed_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING {DurableCommit.Sql}
        """,
        cancellationToken, scope.Hold.Value, ConversationsOf(scope), UsersOf(scope), Time(scope.Scope.From),
        Time(scope.Scope.To), scope.PlacedAt.UtcDateTime);

    /// <remarks>
    /// One transaction. The scope goes first, in a statement of its own: whoever keeps something for it at the same
    /// time has ended before, and is seen by the second statement, or finds no scope any more.
    /// </remarks>
    public Task<IReadOnlyList<UserId>> EndAsync(HoldId hold, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<IReadOnlyList<UserId>>(async () =>
        {
            await using var batch = database.CreateBatch();
            // A crash must not bring keys back.
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"SELECT {DurableCommit.Sql}"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"DELETE FROM {HeldSchema.Scopes} WHERE hold_id = $1")
            {
                Parameters = { new() { Value = hold.Value } },
            });
            batch.BatchCommands.Add(new NpgsqlBatchCommand(
                $"""
                WITH progress AS (DELETE FROM {HeldSchema.Progress} WHERE hold_id = $1),
                    files AS (DELETE FROM {HeldSchema.Files} WHERE hold_id = $1),
                    keys AS (DELETE FROM {HeldSchema.Keys} WHERE hold_id = $1),
                    secrets AS (DELETE FROM {Secrets.Table} WHERE starts_with(name, $2))
                DELETE FROM {HeldSchema.Erasures} WHERE hold_id = $1 RETURNING user_id
                """)
            {
                Parameters = { new() { Value = hold.Value }, new() { Value = SecretName.OfAllHeld(hold) } },
            });
            await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
            await rows.NextResultAsync(cancellationToken); // The first deletion has none.
            var limited = new List<UserId>();
            while (await rows.ReadAsync(cancellationToken))
                limited.Add(new UserId(rows.GetGuid(0)));
            return limited;
        });

    public async Task<IReadOnlyList<(ConversationId Conversation, long From)>> UnreadAsync(
        HeldScope scope, CancellationToken cancellationToken) => await database.QueryAsync(
        $"""
        SELECT c.id, coalesce(p.next_seq, 0)
        FROM (
            SELECT unnest($2) AS id UNION SELECT m.conversation_id FROM members() m WHERE m.user_id = ANY ($3)
        ) scope
        JOIN conversations c ON c.id = scope.id
        LEFT JOIN {HeldSchema.Progress} p ON p.hold_id = $1 AND p.conversation_id = c.id
        WHERE c.last_seq >= coalesce(p.next_seq, 0)
            OR EXISTS (SELECT FROM set_aside a WHERE a.conversation_id = c.id)
        """,
        row => (new ConversationId(row.GetGuid(0)), row.GetInt64(1)), cancellationToken,
        scope.Hold.Value, ConversationsOf(scope), UsersOf(scope));

    public async Task KeepAsync(
        HoldId hold, ConversationId conversation, IReadOnlyCollection<HeldKey> keys, IReadOnlyCollection<FileId> files,
        long through, CancellationToken cancellationToken)
    {
        var derived = await sealer.RootKeysAsync(
            [.. keys.Select(key => new KeyId(key.Bucket, key.Owner, conversation))], cancellationToken);
        var named = derived.ToDictionary(
            pair => SecretName.OfHeld(hold, pair.Key.Bucket, pair.Key.Owner, conversation), pair => pair.Value);
        await sealer.EscrowAsync(named, cancellationToken);
        var isInForce = await database.QueryAsync(
            $"""
            WITH scope AS MATERIALIZED (
                SELECT hold_id FROM {HeldSchema.Scopes} WHERE hold_id = $1 FOR KEY SHARE
            ), keys AS (
                INSERT INTO {HeldSchema.Keys} (name, hold_id, owner)
                SELECT k.name, s.hold_id, k.owner FROM scope s, unnest($3::text[], $4::uuid[]) AS k(name, owner)
                ON CONFLICT DO NOTHING
            ), files AS (
                INSERT INTO {HeldSchema.Files} (file_id, hold_id)
                SELECT file_id, s.hold_id FROM scope s, unnest($5::uuid[]) AS file_id ON CONFLICT DO NOTHING
            )
            INSERT INTO {HeldSchema.Progress} AS p (hold_id, conversation_id, next_seq)
            SELECT s.hold_id, $2, $6 FROM scope s
            ON CONFLICT (hold_id, conversation_id) DO UPDATE SET next_seq = greatest(p.next_seq, excluded.next_seq)
            RETURNING {DurableCommit.Sql}
            """,
            _ => true, cancellationToken, hold.Value, conversation.Value, named.Keys.ToArray(),
            derived.Keys.Select(key => key.Owner.Value).ToArray(), files.Select(file => file.Value).ToArray(),
            through + 1);
        if (isInForce.Count == 0)
            await EndAsync(hold, cancellationToken); // It was released meanwhile: nothing of it may stay.
    }

    public async Task<bool> HoldsAsync(ConversationId conversation, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT FROM {HeldSchema.Scopes} s
            WHERE $1 = ANY (s.conversations) OR EXISTS (
                SELECT FROM members() m WHERE m.conversation_id = $1 AND m.user_id = ANY (s.users))
            LIMIT 1
            """,
            _ => true, cancellationToken, conversation.Value)).Count > 0;

    public async Task<IReadOnlyList<HoldId>> LimitingAsync(UserId user, CancellationToken cancellationToken) =>
        await database.QueryAsync(
            $"""
            SELECT DISTINCT k.hold_id FROM {HeldSchema.Keys} k WHERE k.owner = $1
              AND NOT EXISTS (SELECT FROM {HeldSchema.Erasures} e WHERE e.hold_id = k.hold_id AND e.user_id = $1)
            """,
            row => new HoldId(row.GetGuid(0)), cancellationToken, user.Value);

    public Task NoteLimitAsync(
        UserId user, IReadOnlyCollection<HoldId> holds, CancellationToken cancellationToken) => database.ExecuteAsync(
        $"""
        INSERT INTO {HeldSchema.Erasures} (hold_id, user_id)
        SELECT s.hold_id, $1 FROM {HeldSchema.Scopes} s WHERE s.hold_id = ANY ($2) ON CONFLICT DO NOTHING
        """,
        cancellationToken, user.Value, holds.Select(hold => hold.Value).ToArray());

    public Task PutAsideAsync(UserId user, CancellationToken cancellationToken) =>
        sealer.PutAsideAsync(user, cancellationToken);

    public Task DropAsideAsync(UserId user, CancellationToken cancellationToken) => database.ExecuteAsync(
        $"DELETE FROM {Secrets.Table} WHERE name = $1 RETURNING {DurableCommit.Sql}", cancellationToken,
        SecretName.OfLeaving(user));

    public async ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        IReadOnlyCollection<HoldId> holds, SealScope scope, SealedContent content, CancellationToken cancellationToken)
    {
        if (scope.Conversation is not { } conversation)
            return null;
        return await sealer.OpenEscrowedAsync(
            [.. holds.Select(hold => SecretName.OfHeld(hold, content.Bucket, scope.Owner, conversation))], scope,
            content, cancellationToken);
    }

    private Task<IAsyncDisposable> LockAsync(string take, string release, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync<IAsyncDisposable>(async () =>
        {
            var session = await database.OpenConnectionAsync(cancellationToken);
            try
            {
                await CallAsync(session, take, cancellationToken);
                return new Held(session, release);
            }
            catch
            {
                await session.DisposeAsync();
                throw;
            }
        });

    private static async Task CallAsync(NpgsqlConnection session, string function, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"SELECT {function}({Lock})", session);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static Guid[] ConversationsOf(HeldScope scope) => [.. scope.Scope.Conversations.Select(id => id.Value)];

    private static Guid[] UsersOf(HeldScope scope) => [.. scope.Scope.Users.Select(id => id.Value)];

    private static NpgsqlParameter Time(DateTimeOffset? time) =>
        new() { Value = (object?)time?.UtcDateTime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    /// <summary>A lock that a session holds.</summary>
    private sealed class Held(NpgsqlConnection session, string release) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                await CallAsync(session, release, CancellationToken.None);
            }
            finally
            {
                await session.DisposeAsync();
            }
        }
    }
}
