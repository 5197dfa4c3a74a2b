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

    /// <summary>Entries that are looked at together.</summary>
    private const int LookBack = 16;

    public string Name { get; } = name;

    /// <summary>Its origin, key and size; null before its first entry.</summary>
    public async Task<LogState?> StateAsync(CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT origin, vkey, size, next_vkey FROM {AuditSchema.Logs} WHERE log = $1",
            row => new LogState(
                row.GetString(0), row.GetString(1), row.GetInt64(2), row.IsDBNull(3) ? null : row.GetString(3)),
            cancellationToken, Name))
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
        for (var done = 0; done < entries.Count;)
        {
            var width = (int)Math.Min(Tile.WidthMax - (size % Tile.WidthMax), entries.Count - done);
            await AppendAsync(connection, size, [.. entries.Skip(done).Take(width)], cancellationToken);
            (size, done) = (size + width, done + width);
        }

        return true;
    }

    /// <summary>The signed checkpoint of a size, published or not; null if there is none.</summary>
    public async Task<StoredCheckpoint?> CheckpointAsync(long size, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT size, note, published FROM {AuditSchema.Checkpoints} WHERE log = $1 AND size = $2",
            StoredCheckpoint.Read, cancellationToken, Name, size)).SingleOrDefault();

    /// <summary>The largest signed checkpoint, published or not; null before the first one.</summary>
    public async Task<StoredCheckpoint?> LargestAsync(CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT size, note, published FROM {AuditSchema.Checkpoints} WHERE log = $1 ORDER BY size DESC LIMIT 1
            """,
            StoredCheckpoint.Read, cancellationToken, Name)).SingleOrDefault();

    /// <summary>
    /// Adds signature lines to a checkpoint, but those that are there. Lines that another node adds meanwhile stay.
    /// </summary>
    /// <param name="isPublished">Whether it is published with these lines.</param>
    /// <returns>The note with the lines; null if there is no checkpoint of this size any more.</returns>
    public async Task<SignedNote?> AddSignaturesAsync(
        long size, IReadOnlyList<NoteSignature> lines, bool isPublished, CancellationToken cancellationToken)
    {
        while (await CheckpointAsync(size, cancellationToken) is { } stored)
        {
            var note = SignedNote.Parse(stored.Note);
            var added = lines.Where(line => note.Signatures.All(
                other => other.Name != line.Name || other.KeyId != line.KeyId)).ToList();
            var all = note with { Signatures = [.. note.Signatures, .. added] };
            if ((added.Count == 0 && (stored.IsPublished || !isPublished))
                || await database.ExecuteAsync(
                    $"""
                    UPDATE {AuditSchema.Checkpoints} SET note = $3, published = published OR $4
                    WHERE log = $1 AND size = $2 AND note = $5
                    """,
                    cancellationToken, Name, size, all.ToString(), isPublished, stored.Note) == 1)
                return all;
        }

        return null;
    }

    /// <summary>The tree of the first entries.</summary>
    public TiledTree TreeOf(long size) => new(size, ReadTileAsync);

    /// <summary>The tree of the first entries as the caller's transaction has them.</summary>
    public TiledTree TreeOf(long size, NpgsqlConnection connection) => new(size, async (tile, cancelled) =>
    {
        await using var select = new NpgsqlCommand(
            $"""
            SELECT string_agg(hash, ''::bytea ORDER BY index) FROM {AuditSchema.Hashes}
            WHERE log = $1 AND level = $2 AND index >= $3 AND index < $4
            """,
            connection);
        select.Parameters.Add(new() { Value = Name });
        select.Parameters.Add(new() { Value = tile.Level!.Value });
        select.Parameters.Add(new() { Value = tile.Start });
        select.Parameters.Add(new() { Value = tile.Start + tile.Width });
        return await select.ExecuteScalarAsync(cancelled) as byte[] ?? [];
    });

    /// <summary>The newest entry of one kind, and its place; null if there is none.</summary>
    /// <param name="before">The place before which to look.</param>
    public async Task<(LogRecord Record, long Index)?> LastAsync(
        long before, Func<LogRecord, bool> isSought, CancellationToken cancellationToken)
    {
        for (var end = before; end > 0; end -= Math.Min(end, LookBack))
        {
            var start = Math.Max(0, end - LookBack);
            var entries = await EntriesAsync(start, (int)(end - start), cancellationToken);
            for (var at = entries.Count - 1; at >= 0; at--)
            {
                if (LogRecord.Parse(entries[at]) is var record && isSought(record))
                    return (record, start + at);
            }
        }

        return null;
    }

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

    /// <summary>Appends entries of one tile.</summary>
    private async Task AppendAsync(
        NpgsqlConnection connection, long start, byte[][] entries, CancellationToken cancellationToken)
    {
        if (entries.FirstOrDefault(entry => entry.Length > EntryBundle.EntryMax) is { } large)
            throw new ArgumentException($"An entry has {large.Length} bytes.", nameof(entries));
        await using (var insert = new NpgsqlCommand(
            $"""
            WITH new AS (SELECT * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS n (index, entry, hash)),
            hashes AS (INSERT INTO {AuditSchema.Hashes} (log, level, index, hash) SELECT $1, 0, index, hash FROM new)
            INSERT INTO {AuditSchema.Entries} (log, index, entry) SELECT $1, index, entry FROM new
            """,
            connection))
        {
            insert.Parameters.Add(new() { Value = Name });
            insert.Parameters.Add(new() { Value = entries.Select((_, at) => start + at).ToArray() });
            insert.Parameters.Add(new() { Value = entries });
            insert.Parameters.Add(
                new() { Value = entries.Select(entry => MerkleTree.Leaf(entry).ToArray()).ToArray() });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        var index = start + entries.Length - 1;
        for (var level = 0; (index + 1) % Tile.WidthMax == 0; level++)
        {
            index /= Tile.WidthMax;
            var hash = await FullTileAsync(connection, level, index, cancellationToken);
            await InsertHashAsync(connection, level + 1, index, hash, cancellationToken);
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
/// <param name="NextVkey">Who signs beside it, and is to follow it; null for nobody.</param>
/// <summary>How far a verifiable log has come.</summary>
internal sealed record LogState(string Origin, string Vkey, long Size, string? NextVkey = null);

/// <param name="Note">The checkpoint, a signed note.</param>
/// <summary>A signed checkpoint of a verifiable log.</summary>
internal sealed record StoredCheckpoint(long Size, string Note, bool IsPublished)
{
    public static StoredCheckpoint Read(NpgsqlDataReader row) =>
        new(row.GetInt64(0), row.GetString(1), row.GetBoolean(2));
}
