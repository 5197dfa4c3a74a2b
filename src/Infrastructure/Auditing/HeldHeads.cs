using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tlog;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Finds the last batch whose heads the event log still has: it may have been restored to an older state.
/// </summary>
internal sealed class HeldHeads(NpgsqlDataSource database, IEventStore store)
{
    /// <summary>Heads that are compared at once.</summary>
    private const int StepMax = 10_000;

    /// <summary>
    /// Goes back from the newest batch. A batch whose heads are not kept any more counts as held.
    /// </summary>
    public async Task<LastHeld> LastAsync(CancellationToken cancellationToken)
    {
        var below = long.MaxValue;
        while (true)
        {
            var found = await database.QueryAsync(
                $"""
                SELECT number, time, position, openings FROM {AuditSchema.Batches} WHERE number < $1
                ORDER BY number DESC LIMIT 1
                """,
                row => (
                    Batch: new LastHeld(
                        row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), new((ulong)row.GetDecimal(2)),
                        below == long.MaxValue),
                    Openings: row.IsDBNull(3) ? [] : row.GetFieldValue<byte[]>(3)),
                cancellationToken, below);
            if (found is not [var last])
                return await NoneAsync(below == long.MaxValue, cancellationToken);
            if (await AreHeldAsync(last.Openings, cancellationToken))
                return last.Batch;
            below = last.Batch.Number;
        }
    }

    private async Task<LastHeld> NoneAsync(bool isNewest, CancellationToken cancellationToken)
    {
        var first = await new EntryLog(EntryLog.Heads, database).EntriesAsync(0, 1, cancellationToken);
        var time = first is [var entry] ? LogRecord.Parse(entry).At : DateTimeOffset.UnixEpoch;
        return new LastHeld(0, time, LogPosition.Start, isNewest);
    }

    private async Task<bool> AreHeldAsync(byte[] openings, CancellationToken cancellationToken)
    {
        foreach (var some in Enumerable.Range(0, openings.Length / Opening.Size)
            .Select(at => Opening.Read(openings.AsSpan(at * Opening.Size, Opening.Size)))
            .Where(opening => !opening.IsBlank).Chunk(StepMax))
        {
            var ends = await store.EndsOfAsync(
                [.. some.Select(opening => new EventPlace(opening.Stream, opening.Last))], cancellationToken);
            for (var at = 0; at < some.Length; at++)
            {
                if (ends[at] is { } end
                    ? Digest.Of(EventChain.HashOf(end.End)) != some[at].Hash
                    : !await IsCutAsync(some[at], cancellationToken))
                    return false;
            }
        }

        return true;
    }

    /// <summary>Whether the event is not there because it was truncated: only events with later ones are.</summary>
    private async Task<bool> IsCutAsync(Opening opening, CancellationToken cancellationToken) =>
        await store.ReadStreamAsync(opening.Stream, long.MaxValue, ReadDirection.Backwards, 1, cancellationToken)
            is [var last] && last.Revision > opening.Last;
}

/// <summary>The last batch whose heads the event log has.</summary>
/// <param name="Number">0 for none.</param>
/// <param name="Time">Its time; that of the log's first entry for none.</param>
/// <param name="Position">Its position.</param>
/// <param name="IsNewest">Whether there is no later batch.</param>
internal sealed record LastHeld(long Number, DateTimeOffset Time, LogPosition Position, bool IsNewest);
