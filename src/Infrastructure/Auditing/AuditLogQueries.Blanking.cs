using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>Takes a stream's heads out of the batches, whose trees stay as they are.</summary>
internal sealed partial class AuditLogQueries
{
    /// <summary>The first line of what stands for a head that was blanked; the second one is its leaf.</summary>
    internal const string BlankHeader = "chatcqrs/blank/v1";

    public async Task BlankAsync(
        string stream, IReadOnlyCollection<LogPosition> events, CancellationToken cancellationToken)
    {
        await SaltSecrets.ShredAsync(secrets, database, stream, cancellationToken);
        var batches = await database.QueryAsync(
            $"""
            SELECT DISTINCT ON (b.number) b.number, e.position FROM unnest($1) AS e(position)
            CROSS JOIN LATERAL (
                SELECT number FROM {AuditSchema.Batches} WHERE position >= e.position
                ORDER BY position, number LIMIT 1) AS b
            ORDER BY b.number
            """,
            row => new LogPosition((ulong)row.GetDecimal(1)), cancellationToken,
            events.Select(position => (decimal)position.Value).ToArray());
        foreach (var position in batches)
        {
            if (await BatchOfAsync(position, cancellationToken) is { } batch
                && await FindAsync(batch, stream, cancellationToken) is var (index, _))
                await BlankAsync(batch.Number, index, cancellationToken);
        }
    }

    /// <summary>The place of an opening never changes; of concurrent changes of a batch none is lost.</summary>
    private async Task BlankAsync(long batch, long index, CancellationToken cancellationToken)
    {
        var blank = new byte[Opening.Size];
        Opening.Blank.Write(blank);
        await database.ExecuteAsync(
            $"""
            UPDATE {AuditSchema.Batches} SET openings = overlay(openings PLACING $2 FROM $3) WHERE number = $1
            RETURNING {DurableCommit.Sql}
            """,
            cancellationToken, batch, blank, (int)(index * Opening.Size) + 1);
    }

    private async Task<string> BlankAsync(Batch batch, long index, CancellationToken cancellationToken)
    {
        var leaf = await SliceAsync(batch, "tiles", index * Digest.Size, Digest.Size, cancellationToken);
        return $"{BlankHeader}\n{Digest.Of(leaf)}\n";
    }
}
