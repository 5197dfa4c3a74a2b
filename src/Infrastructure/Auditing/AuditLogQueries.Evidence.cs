using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Heads with their proofs, for exports.</summary>
internal sealed partial class AuditLogQueries
{
    /// <summary>Events that are read at once for their hashes.</summary>
    private const int HashesAtOnce = 1_024;

    public async Task<EvidenceCheckpoint?> EvidenceAsync(CancellationToken cancellationToken) =>
        await NewestAsync(LogOf(VerifiableLog.Heads), cancellationToken) is { } newest
            ? new EvidenceCheckpoint(newest.Size, newest.Note)
            : null;

    /// <inheritdoc cref="IExportEvidence.HeadAsync"/>
    public async Task<EvidenceBatch?> HeadAsync(
        string stream, LogPosition at, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        var through = await database.QueryAsync(
            $"""
            SELECT position FROM {AuditSchema.Batches} WHERE position >= $1 AND entry < $2
            ORDER BY position, number LIMIT 1
            """,
            row => new LogPosition((ulong)row.GetDecimal(0)), cancellationToken, (decimal)at.Value, checkpoint.Size);
        if (through.Count == 0)
            return null;
        return new EvidenceBatch(
            through[0],
            await BatchOfAsync(at, cancellationToken) is { } batch && batch.Entry < checkpoint.Size
            && await FindAsync(batch, stream, cancellationToken) is var (index, opening)
                ? await ProvenAsync(batch, index, opening, checkpoint, cancellationToken)
                : null);
    }

    /// <inheritdoc cref="IExportEvidence.NewestHeadAsync"/>
    public async Task<EvidenceHead?> NewestHeadAsync(
        string stream, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        var covered = await database.QueryAsync(
            $"SELECT position FROM {AuditSchema.Batches} WHERE entry < $1 ORDER BY number DESC LIMIT 1",
            row => new LogPosition((ulong)row.GetDecimal(0)), cancellationToken, checkpoint.Size);
        return covered is [var through]
            && await LastEventAsync(stream, through, cancellationToken) is { } last
            && await HeadAsync(stream, last.Position, checkpoint, cancellationToken) is { } found
                ? found.Head
                : null;
    }

    /// <inheritdoc cref="IExportEvidence.SegmentAsync"/>
    public async Task<IReadOnlyList<string>?> SegmentAsync(
        string stream, EvidenceHead head, long from, long to, CancellationToken cancellationToken)
    {
        var roots = new List<string>();
        foreach (var (first, end) in new[] { (head.First, from), (to + 1, head.Last + 1) })
        {
            await using var leaves = LeavesAsync(stream, first, end, cancellationToken)
                .GetAsyncEnumerator(cancellationToken);
            foreach (var subtree in SegmentProof.Subtrees(first - head.First, end - head.First))
            {
                var tree = new MerkleFrontier();
                while (tree.Count < subtree.Count)
                {
                    if (!await leaves.MoveNextAsync())
                        return null;
                    tree.Append(leaves.Current);
                }

                roots.Add(tree.Root().ToString());
            }
        }

        return roots;
    }

    /// <summary>The leaves of a stream's events in their head's tree; ends early where the log lacks one.</summary>
    private async IAsyncEnumerable<Digest> LeavesAsync(
        string stream, long next, long end, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (next < end)
        {
            var page = await store.ReadPageAsync(
                stream, next, (int)Math.Min(HashesAtOnce, end - next), cancellationToken);
            if (page.Count == 0)
                yield break;
            foreach (var stored in page)
            {
                if (stored.Revision != next++ || LeafOf(stored) is not { } leaf)
                    yield break;
                yield return leaf;
            }
        }
    }

    private static Digest? LeafOf(StoredEvent stored)
    {
        try
        {
            return MerkleTree.Leaf(EventChain.HashOf(stored.Metadata.Span));
        }
        catch (FormatException)
        {
            return null; // Somebody has changed its bytes.
        }
    }

    private async Task<EvidenceHead> ProvenAsync(
        Batch batch, long index, Opening opening, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        var log = LogOf(VerifiableLog.Heads);
        var secret = Opening.SecretOf(opening.Stream);
        var found = await secrets.FindAsync([secret], cancellationToken);
        var record = opening.Salted(found.GetValueOrDefault(secret), batch.Number);
        var inner = await new TiledTree(batch.Heads, (tile, cancelled) => TileAsync(batch, tile, cancelled))
            .InclusionAsync(index, cancellationToken);
        var (entry, outer) = await EntryAsync(batch.Entry);
        var before = await BeforeAsync(batch.Entry, (LogRecord.Batch)entry, cancellationToken);
        var (previous, path) = await EntryAsync(before);
        var line = new JsonObject
        {
            ["record"] = record.ToString(),
            ["index"] = index,
            ["inner"] = Texts(inner),
            ["entry"] = entry.ToString(),
            ["entry_index"] = batch.Entry,
            ["proof"] = Texts(outer),
            ["previous"] = new JsonObject
            {
                ["entry"] = previous.ToString(),
                ["entry_index"] = before,
                ["proof"] = Texts(path),
            },
        };
        var extra = new HeadProof(record, index, inner, (LogRecord.Batch)entry);
        return new EvidenceHead(
            record.First, record.Last, line,
            new TlogProof(extra.Encode(), batch.Entry, outer, checkpoint.Note).ToString());

        async Task<(LogRecord Entry, IReadOnlyList<Digest> Proof)> EntryAsync(long place) => (
            LogRecord.Parse((await log.EntriesAsync(place, 1, cancellationToken))[0]),
            await log.TreeOf(checkpoint.Size).InclusionAsync(place, cancellationToken));
    }

    /// <summary>
    /// The place of the entry that bounds the times of a batch's events: the batch before, what tells of a restore
    /// since, or the log's first entry; that also for batches that repeat the heads of a log which this one continues.
    /// </summary>
    private async Task<long> BeforeAsync(long place, LogRecord.Batch batch, CancellationToken cancellationToken)
    {
        var log = LogOf(VerifiableLog.Heads);
        if (LogRecord.Parse((await log.EntriesAsync(0, 1, cancellationToken))[0]) is LogRecord.Continues continues
            && batch.Position <= continues.Position)
            return 0;
        var before = await log.LastAsync(
            place, record => record is LogRecord.Batch or LogRecord.Restored, cancellationToken);
        return before?.Index ?? 0;
    }

    private static JsonArray Texts(IReadOnlyList<Digest> hashes) =>
        new([.. hashes.Select(hash => JsonValue.Create(hash.ToString()))]);
}

/// <inheritdoc cref="IExportEvidence"/>
internal sealed class ExportEvidence(AuditLogQueries log, LogSigning signing) : IExportEvidence
{
    public Task<EvidenceCheckpoint?> NewestAsync(CancellationToken cancellationToken) =>
        log.EvidenceAsync(cancellationToken);

    public Task<EvidenceBatch?> HeadAsync(
        string stream, LogPosition at, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken) =>
        log.HeadAsync(stream, at, checkpoint, cancellationToken);

    public Task<EvidenceHead?> NewestHeadAsync(
        string stream, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken) =>
        log.NewestHeadAsync(stream, checkpoint, cancellationToken);

    public Task<IReadOnlyList<string>?> SegmentAsync(
        string stream, EvidenceHead head, long from, long to, CancellationToken cancellationToken) =>
        log.SegmentAsync(stream, head, from, to, cancellationToken);

    public Task<(string Key, string Note)> SignAsync(string list, CancellationToken cancellationToken) =>
        signing.SignExportAsync(list, cancellationToken);
}
