using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tlog;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="ILogVerification"/>
internal sealed class LogVerification(
    NpgsqlDataSource database, IEventStore store, IEventCodec codec, Secrets secrets) : ILogVerification
{
    /// <summary>Heads that are asked for at once.</summary>
    private const int StepMax = 10_000;

    private const string Published =
        $"(SELECT max(size) FROM {AuditSchema.Checkpoints} WHERE log = '{EntryLog.Heads}' AND published)";

    private readonly EntryLog _log = new(EntryLog.Heads, database);

    public async Task<VerificationRun?> LastAsync(CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT started_at, first, checked, through, differing, finished FROM {AuditSchema.Verification}",
            row => new VerificationRun(
                row.GetFieldValue<DateTimeOffset>(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3),
                row.GetFieldValue<long[]>(4), row.GetBoolean(5)),
            cancellationToken)).SingleOrDefault();

    public Task SaveAsync(VerificationRun run, CancellationToken cancellationToken) => database.ExecuteAsync(
        $"""
        INSERT INTO {AuditSchema.Verification} (id, started_at, first, checked, through, differing, finished)
        VALUES (1, $1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET started_at = $1, first = $2, checked = $3,
            through = $4, differing = $5, finished = $6
        """,
        cancellationToken, run.StartedAt.UtcDateTime, run.First, run.Checked, run.Through, run.Differing.ToArray(),
        run.IsFinished);

    public async Task<long?> NewestAsync(CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT number FROM {AuditSchema.Batches} WHERE openings IS NOT NULL AND entry < {Published}
            ORDER BY number DESC LIMIT 1
            """,
            row => (long?)row.GetInt64(0), cancellationToken)).SingleOrDefault();

    public async IAsyncEnumerable<VerifiedBatch> VerifyAsync(
        long after, long through, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var walk = new LogWalk(store);
        while (await NextAsync(after, through, cancellationToken) is { } batch)
        {
            yield return new VerifiedBatch(batch.Number, await DifferenceAsync(batch, walk, cancellationToken));
            after = batch.Number;
        }
    }

    private async Task<StoredBatch?> NextAsync(long after, long through, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"""
            SELECT number, entry, time, position, heads, openings, tiles, coalesce(moved_from, position)
            FROM {AuditSchema.Batches}
            WHERE number > $1 AND number <= $2 AND openings IS NOT NULL AND entry < {Published}
            ORDER BY number LIMIT 1
            """,
            StoredBatch.Read, cancellationToken, after, through)).SingleOrDefault();

    /// <returns>What differs first; null if nothing does.</returns>
    private async Task<string?> DifferenceAsync(StoredBatch batch, LogWalk walk, CancellationToken cancellationToken)
    {
        try
        {
            var (entry, after) = await EntryAsync(batch, cancellationToken);
            if (batch.DifferenceFrom(entry) is { } difference)
                return difference;
            var openings = batch.Openings();
            return await LeavesAsync(batch, openings, cancellationToken)
                ?? await EventsAsync(openings, after, batch.Position, walk, cancellationToken);
        }
        catch (Exception fault) when (fault is FormatException or InvalidDataException)
        {
            return fault.Message;
        }
        catch (ArgumentException fault) // A place before the first entry.
        {
            return $"its row cannot be read: {fault.Message}";
        }
    }

    /// <summary>The batch's entry, as the published tree has it, and the position after which it begins.</summary>
    /// <exception cref="FormatException">The tree has another entry.</exception>
    private async Task<(LogRecord.Batch Entry, LogPosition After)> EntryAsync(
        StoredBatch batch, CancellationToken cancellationToken)
    {
        var note = (await database.QueryAsync(
            $"""
            SELECT note FROM {AuditSchema.Checkpoints} WHERE log = '{EntryLog.Heads}' AND published
            ORDER BY size DESC LIMIT 1
            """,
            row => row.GetString(0), cancellationToken))[0];
        var newest = Checkpoint.Parse(SignedNote.Parse(note).Text);
        var bytes = await _log.EntriesAsync(batch.Entry, 1, cancellationToken);
        var proof = await _log.TreeOf(newest.Size).InclusionAsync(batch.Entry, cancellationToken);
        if (bytes is not [var leaf]
            || !MerkleProof.Includes(batch.Entry, newest.Size, MerkleTree.Leaf(leaf), newest.Root, proof))
            throw new FormatException("its entry is not the one that was published");
        return (
            LogRecord.Parse(leaf) as LogRecord.Batch ?? throw new FormatException("its entry is no batch"),
            batch.IsMoved
                ? await BeforeAsync(batch.Number, cancellationToken)
                : await AfterAsync(batch.Entry, cancellationToken));
    }

    /// <summary>Where the batch before left off, after the events have moved to another store.</summary>
    private async Task<LogPosition> BeforeAsync(long number, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT position FROM {AuditSchema.Batches} WHERE number < $1 ORDER BY number DESC LIMIT 1",
            row => new LogPosition((ulong)row.GetDecimal(0)), cancellationToken, number)).SingleOrDefault();

    /// <summary>Where the entry before left off. Entries that say nothing of it are passed over.</summary>
    private async Task<LogPosition> AfterAsync(long entry, CancellationToken cancellationToken)
    {
        while (entry-- > 0)
        {
            if (await _log.EntriesAsync(entry, 1, cancellationToken) is not [var bytes])
                throw new FormatException("an entry before it is missing");
            switch (LogRecord.Parse(bytes))
            {
                case LogRecord.Batch before:
                    return before.Position;
                case LogRecord.Restored restored:
                    return restored.Position;
                case LogRecord.Moved moved:
                    return moved.To;
            }
        }

        return LogPosition.Start;
    }

    /// <summary>
    /// Whether each head, with its salt, is the leaf of the tree. A leaf whose salt is gone is believed.
    /// </summary>
    private async Task<string?> LeavesAsync(
        StoredBatch batch, List<Opening> openings, CancellationToken cancellationToken)
    {
        var leaves = batch.Leaves();
        for (var start = 0; start < openings.Count; start += StepMax)
        {
            var some = openings.GetRange(start, Math.Min(StepMax, openings.Count - start));
            var found = await secrets.FindAsync(
                [.. some.Select(opening => Opening.SecretOf(opening.Stream))], cancellationToken);
            for (var at = 0; at < some.Count; at++)
            {
                if (found.GetValueOrDefault(Opening.SecretOf(some[at].Stream)) is { } secret
                    && MerkleTree.Leaf(some[at].Salted(secret, batch.Number).Encode()) != leaves[start + at]
                    && MerkleTree.Leaf(some[at].Salted(null, batch.Number).Encode()) != leaves[start + at])
                    return $"the stored head of {some[at].Stream} is not the one that was published";
            }
        }

        return null;
    }

    /// <summary>Whether the event log's events lead to the heads.</summary>
    private async Task<string?> EventsAsync(
        List<Opening> openings, LogPosition after, LogPosition through, LogWalk walk,
        CancellationToken cancellationToken)
    {
        var remade = (await walk.HeadsAsync(after, through, cancellationToken))
            .ToDictionary(opening => opening.Stream, StringComparer.Ordinal);
        var others = new List<Opening>();
        foreach (var opening in openings.Where(opening => !opening.IsBlank))
        {
            if (!remade.Remove(opening.Stream, out var now))
                others.Add(opening);
            else if (now != opening && !await IsCutAsync(opening, now, cancellationToken))
                return $"the events of {opening.Stream} have another head than the one that was published";
        }

        foreach (var some in others.Chunk(StepMax))
        {
            if (await GoneAsync(some, after, cancellationToken) is { } stream)
                return $"events of {stream} are missing, or have another head than the one that was published";
        }

        // A stream that was erased has its last event left, and a blank head.
        var erased = await secrets.FindAsync([.. remade.Keys.Select(Opening.SecretOf)], cancellationToken);
        return erased.Count == 0 && remade.Count <= openings.Count(opening => opening.IsBlank)
            ? null
            : $"the event log has events of {remade.Keys.First()} that were not published";
    }

    /// <summary>Whether a head of which the beginning is left lacks only what a noted cut has removed.</summary>
    private async Task<bool> IsCutAsync(Opening opening, Opening now, CancellationToken cancellationToken) =>
        now.First > opening.First && (now.Last, now.Hash) == (opening.Last, opening.Hash)
        && await CutOfAsync(opening.Stream, cancellationToken) >= now.First;

    /// <summary>
    /// The first stream whose head was made of these events neither, but was not taken up from an older batch, nor cut.
    /// </summary>
    private async Task<string?> GoneAsync(
        Opening[] openings, LogPosition after, CancellationToken cancellationToken)
    {
        var ends = await store.EndsOfAsync(
            [.. openings.Select(opening => new EventPlace(opening.Stream, opening.Last))], cancellationToken);
        for (var at = 0; at < openings.Length; at++)
        {
            var isThere = ends[at] is { } end && end.Position <= after
                && openings[at].Hash == Digest.Of(EventChain.HashOf(end.End));
            if (!isThere && (ends[at] is not null
                || await CutOfAsync(openings[at].Stream, cancellationToken) <= openings[at].Last))
                return openings[at].Stream;
        }

        return null;
    }

    /// <summary>The first revision that the last noted cut of a stream has left; 0 for no cut.</summary>
    private async Task<long> CutOfAsync(string stream, CancellationToken cancellationToken)
    {
        const int pageSize = 64;
        for (var from = long.MaxValue; from >= 0;)
        {
            var page = await store.ReadStreamAsync(
                StreamName.OfCuts(stream), from, ReadDirection.Backwards, pageSize, cancellationToken);
            foreach (var fact in page.Select(codec.Decode))
            {
                if (fact.Event is AuditEvent.StreamTruncated cut && cut.Stream == stream)
                    return cut.Before;
            }

            if (page.Count < pageSize)
                return 0;
            from = page[^1].Revision - 1;
        }

        return 0;
    }

    /// <param name="Logged">The position that its entry has: another one than now, if the events have moved.</param>
    private sealed record StoredBatch(
        long Number, long Entry, DateTimeOffset Time, LogPosition Position, long Heads, byte[] Stored, byte[] Tiles,
        LogPosition Logged)
    {
        public bool IsMoved => Logged != Position;

        public static StoredBatch Read(NpgsqlDataReader row) => new(
            row.GetInt64(0), row.GetInt64(1), row.GetFieldValue<DateTimeOffset>(2),
            new LogPosition((ulong)row.GetDecimal(3)), row.GetInt64(4), row.GetFieldValue<byte[]>(5),
            row.GetFieldValue<byte[]>(6), new LogPosition((ulong)row.GetDecimal(7)));

        /// <summary>Whether the row says what the entry says; its tree is looked at, too.</summary>
        public string? DifferenceFrom(LogRecord.Batch entry) =>
            (Number, Time, Logged, Heads) != (entry.Number, entry.Time, entry.Position, entry.Heads)
                ? "its row says something else than its entry"
            : Stored.Length != Heads * Opening.Size || Tiles.Length < Heads * Digest.Size
                || !BatchTree.Encode(Leaves()).AsSpan().SequenceEqual(Tiles)
                ? "its stored heads or tiles have another length, or do not belong together"
            : MerkleTree.Root(Leaves()) != entry.Root ? "its stored leaves have another root than its entry"
            : null;

        public List<Opening> Openings() =>
        [
            .. Enumerable.Range(0, (int)Heads)
                .Select(at => Opening.Read(Stored.AsSpan(at * Opening.Size, Opening.Size))),
        ];

        public Digest[] Leaves() =>
            [.. MemoryMarshal.Cast<byte, Digest>(Tiles)[..(int)Heads]];
    }
}
