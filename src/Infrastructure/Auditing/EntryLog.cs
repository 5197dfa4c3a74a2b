using System.Runtime.InteropServices;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>One verifiable log in PostgreSQL: its entries, and the hashes of its tiles.</summary>
/// <param name="name">The log's name in the tables and in paths.</param>
internal sealed class EntryLog(string name, NpgsqlDataSource database)
{
    public const string Heads = "heads";
    public const string Keys = "keys";

    public string Name { get; } = name;

    /// <summary>Its origin, key and size; null before its first entry.</summary>
    public async Task<LogState?> StateAsync(CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT origin, vkey, size FROM {AuditSchema.Logs} WHERE log = $1",
            row => new LogState(row.GetString(0), row.GetString(1), row.GetInt64(2)), cancellationToken, Name))
        .SingleOrDefault();

    /// <summary>Creates the log with its first entry, unless it exists.</summary>
    public Task CreateAsync(
        string origin, string vkey, byte[] entry, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var insert = new NpgsqlCommand(
                $"""
                INSERT INTO {AuditSchema.Logs} (log, origin, vkey, size) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING
                """,
                connection);
            insert.Parameters.Add(new() { Value = Name });
            insert.Parameters.Add(new() { Value = origin });
            insert.Parameters.Add(new() { Value = vkey });
            if (await insert.ExecuteNonQueryAsync(cancellationToken) == 1
                && await TryAppendAsync(connection, 0, [entry], cancellationToken))
                await transaction.CommitAsync(cancellationToken);
        });

    /// <summary>
    /// Appends entries in the caller's transaction, which commits durably. Another transaction's append of the same
    /// log waits until this one has ended.
    /// </summary>
    /// <returns>False if the log does not have this size any more: nothing was appended.</returns>
    public async Task<bool> TryAppendAsync(
        NpgsqlConnection connection, long size, IReadOnlyList<byte[]> entries, CancellationToken cancellationToken)
    {
        await using var take = new NpgsqlCommand(
            $"""
            UPDATE {AuditSchema.Logs} SET size = $3 WHERE log = $1 AND size = $2 RETURNING {DurableCommit.Sql}
            """,
            connection);
        take.Parameters.Add(new() { Value = Name });
        take.Parameters.Add(new() { Value = size });
        take.Parameters.Add(new() { Value = size + entries.Count });
        if (await take.ExecuteNonQueryAsync(cancellationToken) != 1)
            return false;
        foreach (var entry in entries)
            await AppendAsync(connection, size++, entry, cancellationToken);
        return true;
    }

    /// <summary>The tree of the first entries.</summary>
    public TiledTree TreeOf(long size) => new(size, ReadTileAsync);

    /// <summary>A tile's hashes, as many as there are.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadTileAsync(Tile tile, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            $"""
            SELECT hash FROM {AuditSchema.Hashes}
            WHERE log = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index
            """,
            row => row.GetFieldValue<byte[]>(0), cancellationToken,
            Name, tile.Level!.Value, tile.Start, tile.Start + tile.Width);
        return rows.SelectMany(hash => hash).ToArray();
    }

    /// <summary>Consecutive entries, as many as there are.</summary>
    public async Task<IReadOnlyList<byte[]>> EntriesAsync(
        long start, int count, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT entry FROM {AuditSchema.Entries} WHERE log = $1 AND index >= $2 AND index < $3 ORDER BY index",
        row => row.GetFieldValue<byte[]>(0), cancellationToken, Name, start, start + count);

    private async Task AppendAsync(
        NpgsqlConnection connection, long index, byte[] entry, CancellationToken cancellationToken)
    {
        if (entry.Length > EntryBundle.EntryMax)
            throw new ArgumentException($"An entry has {entry.Length} bytes.", nameof(entry));
        await using (var insert = new NpgsqlCommand(
            $"INSERT INTO {AuditSchema.Entries} (log, index, entry) VALUES ($1, $2, $3)", connection))
        {
            insert.Parameters.Add(new() { Value = Name });
            insert.Parameters.Add(new() { Value = index });
            insert.Parameters.Add(new() { Value = entry });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        var hash = MerkleTree.Leaf(entry);
        for (var level = 0; ; level++)
        {
            await InsertHashAsync(connection, level, index, hash, cancellationToken);
            if ((index + 1) % Tile.WidthMax != 0)
                return;
            hash = await FullTileAsync(connection, level, index / Tile.WidthMax, cancellationToken);
            index /= Tile.WidthMax;
        }
    }

    private async Task InsertHashAsync(
        NpgsqlConnection connection, int level, long index, Digest hash, CancellationToken cancellationToken)
    {
        await using var insert = new NpgsqlCommand(
            $"INSERT INTO {AuditSchema.Hashes} (log, level, index, hash) VALUES ($1, $2, $3, $4)", connection);
        insert.Parameters.Add(new() { Value = Name });
        insert.Parameters.Add(new() { Value = level });
        insert.Parameters.Add(new() { Value = index });
        insert.Parameters.Add(new() { Value = hash.ToArray() });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The root over a full tile, whose last hash this transaction has inserted.</summary>
    private async Task<Digest> FullTileAsync(
        NpgsqlConnection connection, int level, long tile, CancellationToken cancellationToken)
    {
        await using var select = new NpgsqlCommand(
            $"""
            SELECT string_agg(hash, ''::bytea ORDER BY index) FROM {AuditSchema.Hashes}
            WHERE log = $1 AND level = $2 AND index >= $3 AND index < $4
            """,
            connection);
        select.Parameters.Add(new() { Value = Name });
        select.Parameters.Add(new() { Value = level });
        select.Parameters.Add(new() { Value = tile * Tile.WidthMax });
        select.Parameters.Add(new() { Value = (tile + 1) * Tile.WidthMax });
        var hashes = (byte[])(await select.ExecuteScalarAsync(cancellationToken))!;
        return hashes.Length == Tile.WidthMax * Digest.Size
            ? MerkleTree.Root(MemoryMarshal.Cast<byte, Digest>(hashes))
            : throw new InvalidDataException($"The log {Name} has a gap in level {level}, tile {tile}.");
    }
}

/// <param name="Origin">The log's name in its checkpoints.</param>
/// <param name="Vkey">Who signs it now.</param>
/// <param name="Size">The number of entries.</param>
/// <summary>How far a verifiable log has come.</summary>
internal sealed record LogState(string Origin, string Vkey, long Size);
