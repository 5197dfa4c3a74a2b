using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Tlog;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="IAuditLog"/>
internal sealed partial class AuditLogQueries(NpgsqlDataSource database, IEventStore store, Secrets secrets)
    : IAuditLog, IPublishedHeads, IRecordedBy, IHeadOpenings
{
    /// <summary>Heads that are read at once.</summary>
    private const int HeadsStep = 256;

    public async Task<PublishedCheckpoints> CheckpointsAsync(
        VerifiableLog log, long? below, int limit, CancellationToken cancellationToken)
    {
        var checkpoints = await database.QueryAsync(
            $"""
            SELECT size, root, time, note FROM {AuditSchema.Checkpoints}
            WHERE log = $1 AND size < $2 AND published ORDER BY size DESC LIMIT $3
            """,
            row => new PublishedCheckpoint(
                row.GetInt64(0), Convert.ToBase64String(row.GetFieldValue<byte[]>(1)),
                row.GetFieldValue<DateTimeOffset>(2), row.GetString(3)),
            cancellationToken, LogOf(log).Name, below ?? long.MaxValue, limit);
        return new PublishedCheckpoints((await LogOf(log).StateAsync(cancellationToken))?.Vkey, checkpoints);
    }

    public async Task<string?> CheckpointAsync(VerifiableLog log, CancellationToken cancellationToken) =>
        (await NewestAsync(LogOf(log), cancellationToken))?.Note;

    public async Task<ReadOnlyMemory<byte>?> TileAsync(
        VerifiableLog log, string path, CancellationToken cancellationToken)
    {
        var entries = LogOf(log);
        if (Tile.Parse(path) is not { } tile || await NewestAsync(entries, cancellationToken) is not { } newest
            || !tile.IsIn(newest.Size))
            return null;
        return tile.Level is null
            ? EntryBundle.Encode(await entries.EntriesAsync(tile.Start, tile.Width, cancellationToken))
            : await entries.ReadTileAsync(tile, cancellationToken);
    }

    public async Task<ReadOnlyMemory<byte>?> BatchTileAsync(
        long number, string path, CancellationToken cancellationToken)
    {
        if (Tile.Parse(path) is not { Level: not null } tile
            || await BatchAsync(number, cancellationToken) is not { IsKept: true } batch || !tile.IsIn(batch.Heads))
            return null;
        return await TileAsync(batch, tile, cancellationToken);
    }

    public async Task<IAsyncEnumerable<string>?> HeadsAsync(long number, CancellationToken cancellationToken) =>
        await BatchAsync(number, cancellationToken) is { IsKept: true } batch
            ? HeadsAsync(batch, cancellationToken)
            : null;

    public async Task<string?> ProofAsync(ConversationId conversation, CancellationToken cancellationToken)
    {
        var (log, stream) = (LogOf(VerifiableLog.Heads), StreamName.Of(conversation));
        if (await LastEventAsync(stream, await CoveredAsync(cancellationToken), cancellationToken) is not { } last
            || await BatchOfAsync(last.Position, cancellationToken) is not { } batch
            || await FindAsync(batch, stream, cancellationToken) is not var (index, opening)
            || await NewestAsync(log, cancellationToken) is not { } newest) // Last, so that it covers the batch.
            return null;
        var secret = Opening.SecretOf(stream);
        var found = await secrets.FindAsync([secret], cancellationToken);
        var inner = await new TiledTree(batch.Heads, (tile, cancelled) => TileAsync(batch, tile, cancelled))
            .InclusionAsync(index, cancellationToken);
        var entry = await log.EntriesAsync(batch.Entry, 1, cancellationToken);
        var extra = new HeadProof(
            opening.Salted(found.GetValueOrDefault(secret), batch.Number), index, inner,
            (LogRecord.Batch)LogRecord.Parse(entry[0]));
        var outer = await log.TreeOf(newest.Size).InclusionAsync(batch.Entry, cancellationToken);
        return new TlogProof(extra.Encode(), batch.Entry, outer, newest.Note).ToString();
    }

    public async Task<LogPosition> CoveredAsync(CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT position FROM {AuditSchema.Batches} WHERE entry < (
                SELECT max(size) FROM {AuditSchema.Checkpoints} WHERE log = '{EntryLog.Heads}' AND published)
            ORDER BY number DESC LIMIT 1
            """,
            row => new LogPosition((ulong)row.GetDecimal(0)), cancellationToken))
        .SingleOrDefault();

    public async Task<RecordedBatch?> OfAsync(
        ConversationId conversation, long seq, CancellationToken cancellationToken)
    {
        var found = await store.ReadPageAsync(StreamName.Of(conversation), seq, limit: 1, cancellationToken);
        if (found is not [var stored] || stored.Revision != seq)
            return null; // The log does not tell its place any more.
        var batches = await database.QueryAsync(
            $"""
            SELECT number, time FROM {AuditSchema.Batches} WHERE position >= $1 AND entry < (
                SELECT max(size) FROM {AuditSchema.Checkpoints} WHERE log = '{EntryLog.Heads}' AND published)
            ORDER BY position, number LIMIT 1
            """,
            row => new RecordedBatch(row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1)), cancellationToken,
            (decimal)stored.Position.Value);
        return batches.SingleOrDefault();
    }

    async Task<AnchoredHead?> IRecordedBy.NewestAsync(
        ConversationId conversation, CancellationToken cancellationToken)
    {
        var stream = StreamName.Of(conversation);
        if (await NewestAsync(LogOf(VerifiableLog.Heads), cancellationToken) is not { } newest
            || await LastEventAsync(stream, await CoveredAsync(cancellationToken), cancellationToken) is not { } last
            || await BatchOfAsync(last.Position, cancellationToken) is not { } batch
            || await FindAsync(batch, stream, cancellationToken) is not var (_, opening))
            return null;
        var hash = new byte[Digest.Size];
        opening.Hash.CopyTo(hash);
        return new AnchoredHead(opening.Last, hash, batch.Number, newest.Size);
    }

    private EntryLog LogOf(VerifiableLog log) =>
        new(log == VerifiableLog.Heads ? EntryLog.Heads : EntryLog.Keys, database);

    private async Task<Newest?> NewestAsync(EntryLog log, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT size, note FROM {AuditSchema.Checkpoints} WHERE log = $1 AND published ORDER BY size DESC LIMIT 1
            """,
            row => new Newest(row.GetInt64(0), row.GetString(1)), cancellationToken, log.Name))
        .SingleOrDefault();

    /// <summary>A stream's last event up to a position: each question halves what is left of the stream.</summary>
    private async Task<StoredEvent?> LastEventAsync(
        string stream, LogPosition through, CancellationToken cancellationToken)
    {
        var last = await ReadAsync(long.MaxValue, ReadDirection.Backwards);
        if (last is null || last.Position <= through)
            return last;
        var found = await ReadAsync(0, ReadDirection.Forwards);
        if (found is null || found.Position > through)
            return null;
        var (low, high) = (found.Revision, last.Revision);
        while (high - low > 1)
        {
            var middle = low + ((high - low) / 2);
            if (await ReadAsync(middle, ReadDirection.Forwards) is { } stored && stored.Position <= through)
                (low, found) = (middle, stored);
            else
                high = middle;
        }

        return found;

        async Task<StoredEvent?> ReadAsync(long from, ReadDirection direction) =>
            await store.ReadStreamAsync(stream, from, direction, limit: 1, cancellationToken) is [var stored]
                ? stored
                : null;
    }

    private async Task<Batch?> BatchAsync(long number, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT {Batch.Columns} FROM {AuditSchema.Batches} b WHERE number = $1 AND entry < (
                SELECT max(size) FROM {AuditSchema.Checkpoints} WHERE log = '{EntryLog.Heads}' AND published)
            """,
            Batch.Read, cancellationToken, number))
        .SingleOrDefault();

    /// <summary>
    /// The batch that has the head of the event at a position: the first one up to there or beyond, or the one that
    /// took its heads up.
    /// </summary>
    private async Task<Batch?> BatchOfAsync(LogPosition position, CancellationToken cancellationToken)
    {
        var batch = (await database.QueryAsync(
            $"""
            SELECT {Batch.Columns} FROM {AuditSchema.Batches} b WHERE position >= $1 ORDER BY position, number LIMIT 1
            """,
            Batch.Read, cancellationToken, (decimal)position.Value)).SingleOrDefault();
        while (batch is { IsKept: false, CarriedTo: { } next })
            batch = await BatchAsync(next, cancellationToken);
        return batch is { IsKept: true } ? batch : null;
    }

    private async Task<(long Index, Opening Opening)?> FindAsync(
        Batch batch, string stream, CancellationToken cancellationToken)
    {
        var (low, high) = (0L, batch.Heads - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (await NextNamedAsync(batch, middle, high, cancellationToken) is not var (index, opening))
            {
                high = middle - 1; // All from the middle on are blank.
                continue;
            }

            var order = string.CompareOrdinal(opening.Stream, stream);
            if (order == 0)
                return (index, opening);
            (low, high) = order < 0 ? (index + 1, high) : (low, middle - 1);
        }

        return null;
    }

    /// <summary>The first opening from a place on that is not blank; null if all up to the last one are.</summary>
    private async Task<(long Index, Opening Opening)?> NextNamedAsync(
        Batch batch, long start, long last, CancellationToken cancellationToken)
    {
        for (var step = 1; start <= last; step = HeadsStep)
        {
            var count = (int)Math.Min(step, last - start + 1);
            var openings = await OpeningsAsync(batch, start, count, cancellationToken);
            for (var at = 0; at < count; at++)
            {
                if (!openings[at].IsBlank)
                    return (start + at, openings[at]);
            }

            start += count;
        }

        return null;
    }

    private async Task<IReadOnlyList<Opening>> OpeningsAsync(
        Batch batch, long start, int count, CancellationToken cancellationToken)
    {
        var bytes = await SliceAsync(
            batch, "openings", start * Opening.Size, count * Opening.Size, cancellationToken);
        return
        [
            .. Enumerable.Range(0, bytes.Length / Opening.Size)
                .Select(at => Opening.Read(bytes.AsSpan(at * Opening.Size, Opening.Size))),
        ];
    }

    private async IAsyncEnumerable<string> HeadsAsync(
        Batch batch, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var start = 0L; start < batch.Heads; start += HeadsStep)
        {
            var openings = await OpeningsAsync(
                batch, start, (int)Math.Min(HeadsStep, batch.Heads - start), cancellationToken);
            var found = await secrets.FindAsync(
                [.. openings.Select(opening => Opening.SecretOf(opening.Stream))], cancellationToken);
            for (var at = 0; at < openings.Count; at++)
            {
                if (openings[at].IsBlank)
                {
                    yield return await BlankAsync(batch, start + at, cancellationToken);
                    continue;
                }

                var secret = found.GetValueOrDefault(Opening.SecretOf(openings[at].Stream));
                yield return openings[at].Salted(secret, batch.Number).ToString();
            }
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>> TileAsync(
        Batch batch, Tile tile, CancellationToken cancellationToken) => await SliceAsync(
        batch, "tiles", BatchTree.OffsetOf(tile, batch.Heads), tile.Width * Digest.Size, cancellationToken);

    /// <exception cref="StoreUnavailableException">The batch's heads were dropped meanwhile.</exception>
    private async Task<byte[]> SliceAsync(
        Batch batch, string column, long offset, int length, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT substring({column} FROM $2 FOR $3) FROM {AuditSchema.Batches}
            WHERE number = $1 AND {column} IS NOT NULL
            """,
            row => row.GetFieldValue<byte[]>(0), cancellationToken, batch.Number, (int)offset + 1, length))
        .SingleOrDefault() ?? throw new StoreUnavailableException("The batch was dropped meanwhile.");

    private sealed record Newest(long Size, string Note);

    private sealed record Batch(long Number, long Entry, long Heads, bool IsKept, long? CarriedTo)
    {
        public const string Columns = "number, entry, heads, openings IS NOT NULL, carried_to";

        public static Batch Read(NpgsqlDataReader row) => new(
            row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetBoolean(3),
            row.IsDBNull(4) ? null : row.GetInt64(4));
    }
}
