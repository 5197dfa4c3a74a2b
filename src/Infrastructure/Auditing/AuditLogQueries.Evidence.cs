using System.Text.Encodings.Web;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Heads with their proofs, for exports.</summary>
internal sealed partial class AuditLogQueries
{
    private static readonly JsonSerializerOptions Relaxed = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

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
        var before = await BeforeAsync(batch, cancellationToken);
        var (previous, path) = await EntryAsync(before);
        var line = JsonSerializer.Serialize(
            new
            {
                Record = record.ToString(),
                Index = index,
                Inner = Texts(inner),
                Entry = entry.ToString(),
                EntryIndex = batch.Entry,
                Proof = Texts(outer),
                Previous = new { Entry = previous.ToString(), EntryIndex = before, Proof = Texts(path) },
            },
            Relaxed);
        var extra = new HeadProof(record, index, inner, (LogRecord.Batch)entry);
        return new EvidenceHead(
            record.First, record.Last, line,
            new TlogProof(extra.Encode(), batch.Entry, outer, checkpoint.Note).ToString());

        async Task<(LogRecord Entry, IReadOnlyList<Digest> Proof)> EntryAsync(long place) => (
            LogRecord.Parse((await log.EntriesAsync(place, 1, cancellationToken))[0]),
            await log.TreeOf(checkpoint.Size).InclusionAsync(place, cancellationToken));
    }

    /// <summary>The place of the batch before; of the log's first entry where there is none.</summary>
    private async Task<long> BeforeAsync(Batch batch, CancellationToken cancellationToken) =>
        (await database.QueryAsync(
            $"SELECT entry FROM {AuditSchema.Batches} WHERE number = $1", row => row.GetInt64(0), cancellationToken,
            batch.Number - 1)).SingleOrDefault();

    private static List<string> Texts(IReadOnlyList<Digest> hashes) => [.. hashes.Select(hash => hash.ToString())];
}

/// <inheritdoc cref="IExportEvidence"/>
internal sealed class ExportEvidence(AuditLogQueries log, LogSigning signing) : IExportEvidence
{
    public Task<EvidenceCheckpoint?> NewestAsync(CancellationToken cancellationToken) =>
        log.EvidenceAsync(cancellationToken);

    public Task<EvidenceBatch?> HeadAsync(
        string stream, LogPosition at, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken) =>
        log.HeadAsync(stream, at, checkpoint, cancellationToken);

    public Task<(string Key, string Note)> SignAsync(string list, CancellationToken cancellationToken) =>
        signing.SignExportAsync(list, cancellationToken);
}
