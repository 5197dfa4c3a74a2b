using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="IDeviceListLog"/>
/// <remarks>
/// Any node appends: statement and entry are one transaction, which holds the log's row. Two changes of one user follow
/// each other there, and the second one finds that it does not follow the first.
/// </remarks>
internal sealed class PostgresDeviceListLog(NpgsqlDataSource database, LogSigning signing) : IDeviceListLog
{
    private readonly EntryLog _heads = new(EntryLog.Heads, database);
    private readonly EntryLog _log = new(EntryLog.Keys, database);

    public async Task<LoggedStatement?> NewestAsync(UserId user, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT version, statement, leaf, entry, {IsPublished}
            FROM {DeviceListSchema.Statements} WHERE user_id = $1 ORDER BY version DESC LIMIT 1
            """,
            row => row.IsDBNull(1)
                ? null
                : new LoggedStatement(
                    row.GetInt64(0), row.GetFieldValue<byte[]>(1), row.GetFieldValue<byte[]>(2), row.GetInt64(3),
                    row.GetBoolean(4)),
            cancellationToken, user.Value))
        .SingleOrDefault();

    public async Task<LoggedStatement?> AppendAsync(
        UserId user, long version, ReadOnlyMemory<byte> previous, ReadOnlyMemory<byte> statement,
        CancellationToken cancellationToken)
    {
        try
        {
            await signing.OpenAsync(_heads, cancellationToken); // The other log's origin follows from it.
            await signing.SignAsync(_log, cancellationToken); // Nothing is appended to a log that is not signed.
            var hash = Digest.Of(SHA256.HashData(statement.Span));
            var appended = await PostgresErrors.GuardAsync(() => CommitAsync(
                new LogRecord.DeviceList(
                    LogRecord.DeviceList.LabelOf(user), version, hash, Digest.Of(previous.Span)),
                user, statement, cancellationToken));
            if (appended is not { IsPublished: false })
                return appended;
            await signing.SignAsync(_log, CancellationToken.None); // The entry is there, even if the caller has gone.
            return appended with { IsPublished = await IsPublishedAsync(appended.Entry, CancellationToken.None) };
        }
        catch (Exception exception) when (exception is AuditHaltedException or MirrorUnavailableException)
        {
            throw new StoreUnavailableException("The log of keys is not signed.", exception);
        }
    }

    public Task ForgetAsync(UserId user, CancellationToken cancellationToken) => database.ExecuteAsync(
        $"""
        UPDATE {DeviceListSchema.Statements} SET statement = NULL WHERE user_id = $1 AND statement IS NOT NULL
        RETURNING {DurableCommit.Sql}
        """,
        cancellationToken, user.Value);

    private static string IsPublished =>
        $"""
        entry < coalesce((
            SELECT max(size) FROM {AuditSchema.Checkpoints} WHERE log = '{EntryLog.Keys}' AND published), 0)
        """;

    /// <summary>False as long as witnesses decide, see <see cref="Witnesses"/>.</summary>
    private async Task<bool> IsPublishedAsync(long entry, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT {IsPublished} FROM (SELECT $1::bigint AS entry) AS e", row => row.GetBoolean(0),
            cancellationToken, entry)).Single();

    private async Task<LoggedStatement?> CommitAsync(
        LogRecord.DeviceList entry, UserId user, ReadOnlyMemory<byte> statement, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var size = await LockAsync(connection, cancellationToken);
        var (same, before) = await FindAsync(connection, user, entry.Version, cancellationToken);
        if (same is { IsErased: true } || before is { IsErased: true })
            throw new RefusedException(Refusal.Erased);
        if (same is not null)
        {
            return same.Hash == entry.Statement
                ? new LoggedStatement(entry.Version, statement, same.Leaf.ToArray(), same.Entry, same.IsPublished)
                : null;
        }

        if (entry.Version == 0 ? entry.Previous != Digest.Zero : before?.Leaf != entry.Previous)
            return null;
        var bytes = entry.Encode();
        if (!await _log.TryAppendAsync(connection, size, [bytes], cancellationToken))
            throw new InvalidDataException("The log of keys has changed under its lock.");
        var leaf = MerkleTree.Leaf(bytes).ToArray();
        await using var insert = new NpgsqlCommand(
            $"""
            INSERT INTO {DeviceListSchema.Statements} (user_id, version, entry, leaf, hash, statement)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            connection);
        insert.Parameters.Add(new() { Value = user.Value });
        insert.Parameters.Add(new() { Value = entry.Version });
        insert.Parameters.Add(new() { Value = size });
        insert.Parameters.Add(new() { Value = leaf });
        insert.Parameters.Add(new() { Value = entry.Statement.ToArray() });
        insert.Parameters.Add(new() { Value = statement.ToArray() });
        await insert.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new LoggedStatement(entry.Version, statement, leaf, size, IsPublished: false);
    }

    /// <summary>Keeps other appends off until the transaction ends.</summary>
    private async Task<long> LockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT size FROM {AuditSchema.Logs} WHERE log = $1 FOR UPDATE", connection);
        command.Parameters.Add(new() { Value = _log.Name });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The statement of a version, and the one before it.</summary>
    private static async Task<(Stored? Same, Stored? Before)> FindAsync(
        NpgsqlConnection connection, UserId user, long version, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT version, hash, leaf, entry, statement IS NULL, {IsPublished}
            FROM {DeviceListSchema.Statements} WHERE user_id = $1 AND version IN ($2, $2 - 1)
            """,
            connection);
        command.Parameters.Add(new() { Value = user.Value });
        command.Parameters.Add(new() { Value = version });
        var found = new Dictionary<long, Stored>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(reader.GetInt64(0), new Stored(
                Digest.Of(reader.GetFieldValue<byte[]>(1)), Digest.Of(reader.GetFieldValue<byte[]>(2)),
                reader.GetInt64(3), reader.GetBoolean(4), reader.GetBoolean(5)));
        }

        return (found.GetValueOrDefault(version), found.GetValueOrDefault(version - 1));
    }

    private sealed record Stored(Digest Hash, Digest Leaf, long Entry, bool IsErased, bool IsPublished);
}
