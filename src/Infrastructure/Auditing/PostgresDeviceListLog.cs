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
            SELECT version, statement, leaf, entry, {IsPublished}, lost
            FROM {DeviceListSchema.Statements} WHERE label = $1 ORDER BY version DESC LIMIT 1
            """,
            row => row.IsDBNull(1) && !row.GetBoolean(5)
                ? null
                : new LoggedStatement(
                    row.GetInt64(0),
                    row.GetBoolean(5) ? (ReadOnlyMemory<byte>?)null : row.GetFieldValue<byte[]>(1),
                    row.GetFieldValue<byte[]>(2), row.GetInt64(3), row.GetBoolean(4)),
            cancellationToken, LabelOf(user)))
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
                statement, cancellationToken));
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
        UPDATE {DeviceListSchema.Statements} SET statement = NULL, lost = false
        WHERE label = $1 AND (statement IS NOT NULL OR lost) RETURNING {DurableCommit.Sql}
        """,
        cancellationToken, LabelOf(user));

    /// <summary>
    /// Notes where entries are that a recovery or a new log brings. Statements that the database does not have are
    /// lost: their users send them again, or begin anew.
    /// </summary>
    /// <param name="connection">In the transaction that appends the entries.</param>
    /// <param name="start">The place of the first entry.</param>
    /// <param name="entries">Entries of the log of keys, of any kind.</param>
    internal static async Task NoteAsync(
        NpgsqlConnection connection, long start, IReadOnlyList<byte[]> entries, CancellationToken cancellationToken)
    {
        var lists = entries.Select((entry, at) => (Entry: entry, Place: start + at))
            .Where(one => LogRecord.DeviceList.Is(one.Entry))
            .Select(one => (List: (LogRecord.DeviceList)LogRecord.Parse(one.Entry), one.Entry, one.Place))
            .ToList();
        if (lists.Count == 0)
            return;
        await using var insert = new NpgsqlCommand(
            $"""
            INSERT INTO {DeviceListSchema.Statements} (label, version, entry, leaf, hash, lost)
            SELECT *, true FROM unnest($1, $2, $3, $4, $5)
            ON CONFLICT (label, version) DO UPDATE SET entry = excluded.entry
            """,
            connection);
        insert.Parameters.Add(new() { Value = lists.ConvertAll(one => one.List.Label.ToArray()) });
        insert.Parameters.Add(new() { Value = lists.ConvertAll(one => one.List.Version) });
        insert.Parameters.Add(new() { Value = lists.ConvertAll(one => one.Place) });
        insert.Parameters.Add(new() { Value = lists.ConvertAll(one => MerkleTree.Leaf(one.Entry).ToArray()) });
        insert.Parameters.Add(new() { Value = lists.ConvertAll(one => one.List.Statement.ToArray()) });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    private static byte[] LabelOf(UserId user) => LogRecord.DeviceList.LabelOf(user).ToArray();

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
        LogRecord.DeviceList entry, ReadOnlyMemory<byte> statement, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var size = await LockAsync(connection, cancellationToken);
        var (same, before) = await FindAsync(connection, entry, cancellationToken);
        if (same is { IsErased: true } || before is { IsErased: true })
            throw new RefusedException(Refusal.Erased);
        if (same is not null)
        {
            if (same.Hash != entry.Statement)
                return null;
            if (same.IsLost)
            {
                await FindAgainAsync(connection, entry, statement, cancellationToken);
                await transaction.CommitAsync(cancellationToken);
            }

            return new LoggedStatement(
                entry.Version, statement, same.Leaf.ToArray(), same.Entry, same.IsPublished);
        }

        if (entry.Version == 0 ? entry.Previous != Digest.Zero : before?.Leaf != entry.Previous)
            return null;
        var bytes = entry.Encode();
        if (!await _log.TryAppendAsync(connection, size, [bytes], cancellationToken))
            throw new InvalidDataException("The log of keys has changed under its lock.");
        var leaf = MerkleTree.Leaf(bytes).ToArray();
        await using var insert = new NpgsqlCommand(
            $"""
            INSERT INTO {DeviceListSchema.Statements} (label, version, entry, leaf, hash, statement, lost)
            VALUES ($1, $2, $3, $4, $5, $6, false)
            """,
            connection);
        insert.Parameters.Add(new() { Value = entry.Label.ToArray() });
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
        NpgsqlConnection connection, LogRecord.DeviceList entry, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT version, hash, leaf, entry, statement IS NULL AND NOT lost, {IsPublished}, lost
            FROM {DeviceListSchema.Statements} WHERE label = $1 AND version IN ($2, $2 - 1)
            """,
            connection);
        command.Parameters.Add(new() { Value = entry.Label.ToArray() });
        command.Parameters.Add(new() { Value = entry.Version });
        var found = new Dictionary<long, Stored>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(reader.GetInt64(0), new Stored(
                Digest.Of(reader.GetFieldValue<byte[]>(1)), Digest.Of(reader.GetFieldValue<byte[]>(2)),
                reader.GetInt64(3), reader.GetBoolean(4), reader.GetBoolean(5), reader.GetBoolean(6)));
        }

        return (found.GetValueOrDefault(entry.Version), found.GetValueOrDefault(entry.Version - 1));
    }

    private static async Task FindAgainAsync(
        NpgsqlConnection connection, LogRecord.DeviceList entry, ReadOnlyMemory<byte> statement,
        CancellationToken cancellationToken)
    {
        await using var update = new NpgsqlCommand(
            $"""
            UPDATE {DeviceListSchema.Statements} SET statement = $3, lost = false WHERE label = $1 AND version = $2
            RETURNING {DurableCommit.Sql}
            """,
            connection);
        update.Parameters.Add(new() { Value = entry.Label.ToArray() });
        update.Parameters.Add(new() { Value = entry.Version });
        update.Parameters.Add(new() { Value = statement.ToArray() });
        await update.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed record Stored(
        Digest Hash, Digest Leaf, long Entry, bool IsErased, bool IsPublished, bool IsLost);
}
