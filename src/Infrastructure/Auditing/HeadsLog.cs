using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Gathers the heads of changed streams into batches, each an entry of the log of heads. Batch and entry are one
/// transaction, which compares the log's size: of two nodes that do this at once, one appends. Signing follows the
/// commit; what a crash leaves unsigned, the next run signs.
/// </summary>
internal sealed class HeadsLog(
    IEventStore store, Secrets secrets, NpgsqlDataSource database, LogSigning signing, IOptions<AuditOptions> options,
    TimeProvider clock)
{
    /// <summary>From so many heads on a batch is full. A page may add more.</summary>
    public const int HeadsMax = 100_000;

    /// <summary>From so many events on a batch is full.</summary>
    public const int EventsMax = 2_000_000;

    /// <summary>Events that are asked for at once; some 20 MB.</summary>
    private const int PageSize = 100_000;

    /// <summary>Ends and secrets that are asked for at once.</summary>
    private const int StepMax = 10_000;

    /// <summary>Old batches whose heads one batch takes up, at most.</summary>
    private const int DropsMax = 4;

    /// <summary>A batch without heads is appended after so long without any.</summary>
    public static readonly TimeSpan SignOfLife = TimeSpan.FromHours(1);

    private readonly EntryLog _log = new(EntryLog.Heads, database);
    private readonly EntryLog _keys = new(EntryLog.Keys, database);
    private readonly SaltSecrets _salts = new(secrets, database);

    /// <summary>Appends and publishes one batch, if anything changed or the last one is too old.</summary>
    /// <returns>The batch; null for none.</returns>
    /// <exception cref="StoreUnavailableException">The event log or the database cannot be reached.</exception>
    /// <exception cref="AuditHaltedException">The log has another origin or key.</exception>
    public async Task<AppendedBatch?> AppendAsync(CancellationToken cancellationToken)
    {
        await signing.SignAsync(_log, cancellationToken); // What a crash has left unsigned.
        await signing.SignAsync(_keys, cancellationToken);
        await signing.AnnounceAsync(_log, cancellationToken);
        await signing.AnnounceAsync(_keys, cancellationToken);
        var state = await signing.OpenAsync(_log, cancellationToken);
        var last = await LastAsync(state, cancellationToken);
        if (await GatherAsync(state, last, cancellationToken) is not { } gathered
            || !await CommitAsync(state, gathered, cancellationToken))
            return null;
        await signing.SignAsync(_log, cancellationToken);
        return new AppendedBatch(gathered.Entry, gathered.Events, gathered.IsFull);
    }

    /// <summary>Compares both logs with what others know of them; signs and writes nothing.</summary>
    /// <exception cref="AuditHaltedException">The database has less than was published, or something else.</exception>
    /// <exception cref="MirrorUnavailableException">Somebody who must be asked cannot be.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        await signing.CheckAsync(_log, cancellationToken);
        await signing.CheckAsync(_keys, cancellationToken);
    }

    /// <summary>Forgets the secrets that it keeps: another node makes the batches.</summary>
    public void Rest() => _salts.Forget();

    /// <summary>A batch's heads as the event log has them now, without what it took up from older batches.</summary>
    /// <param name="after">The position of the batch before it.</param>
    /// <param name="through">Its own position.</param>
    public async Task<IReadOnlyList<Opening>> RemakeAsync(
        LogPosition after, LogPosition through, CancellationToken cancellationToken)
    {
        var builder = new BatchBuilder();
        for (var page = new LogEnds([], after, IsFull: true); page.IsFull;)
        {
            page = await store.EndsAsync(page.Through, through, PageSize, cancellationToken);
            builder.Add(page);
        }

        return Ordered(builder.Build());
    }

    private async Task<Gathered?> GatherAsync(LogState state, Last last, CancellationToken cancellationToken)
    {
        var now = LogSigning.Milliseconds(clock.GetUtcNow());
        var head = await store.HeadAsync(cancellationToken);
        var (builder, page) = (new BatchBuilder(), new LogEnds([], last.Position, IsFull: head > last.Position));
        while (page.IsFull && builder.Count < HeadsMax && builder.Events < EventsMax)
        {
            page = await store.EndsAsync(page.Through, head, PageSize, cancellationToken);
            builder.Add(page);
        }

        var through = page.IsFull || head < last.Position ? page.Through : head;
        if (builder.Count == 0 && now - last.Time < SignOfLife)
            return null;
        var (number, time) = (last.Number + 1, now > last.Entry ? now : last.Entry);
        var (dropped, carried) = await CarriedAsync(builder, through, now, cancellationToken);
        var openings = Ordered(builder.Build().Concat(carried));
        var shreddings = await _salts.RefreshAsync(cancellationToken);
        var leaves = await LeavesAsync(openings, number, cancellationToken);
        var keys = await signing.OpenAsync(_keys, cancellationToken);
        var entry = new LogRecord.Batch(
            number, time, through, openings.Count, MerkleTree.Root(leaves), keys.Size,
            await _keys.TreeOf(keys.Size).RootAsync(cancellationToken));
        return new Gathered(entry, state.Size, openings, leaves, dropped, builder.Events, page.IsFull, shreddings);
    }

    /// <summary>One transaction; nothing of it shows before it is committed.</summary>
    /// <returns>False if another node was first, or a secret of salts was shredded meanwhile.</returns>
    private Task<bool> CommitAsync(LogState state, Gathered gathered, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            if (!await _log.TryAppendAsync(
                connection, state.Size, [gathered.Entry.Encode()], cancellationToken))
                return false;
            if (!await SaltSecrets.IsCurrentAsync(connection, gathered.Shreddings, cancellationToken))
                return false;
            await InsertAsync(connection, gathered, cancellationToken);
            await DropAsync(connection, gathered, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return true;
        });

    private static async Task InsertAsync(
        NpgsqlConnection connection, Gathered gathered, CancellationToken cancellationToken)
    {
        var openings = new byte[gathered.Openings.Count * Opening.Size];
        for (var at = 0; at < gathered.Openings.Count; at++)
            gathered.Openings[at].Write(openings.AsSpan(at * Opening.Size));
        await using var insert = new NpgsqlCommand(
            $"""
            INSERT INTO {AuditSchema.Batches} (number, entry, time, position, heads, openings, tiles)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            connection);
        insert.Parameters.Add(new() { Value = gathered.Entry.Number });
        insert.Parameters.Add(new() { Value = gathered.Index });
        insert.Parameters.Add(new() { Value = gathered.Entry.Time.UtcDateTime });
        insert.Parameters.Add(new() { Value = (decimal)gathered.Entry.Position.Value });
        insert.Parameters.Add(new() { Value = gathered.Entry.Heads });
        insert.Parameters.Add(new() { Value = openings });
        insert.Parameters.Add(new() { Value = BatchTree.Encode(gathered.Leaves) });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Lets heads go that this batch has taken up, or newer ones have, and checkpoints of that age.</summary>
    private async Task DropAsync(
        NpgsqlConnection connection, Gathered gathered, CancellationToken cancellationToken)
    {
        if (gathered.Dropped.Count == 0)
            return;
        await using var update = new NpgsqlCommand(
            $"""
            UPDATE {AuditSchema.Batches} SET openings = NULL, tiles = NULL, carried_to = $1 WHERE number = ANY ($2)
            """,
            connection);
        update.Parameters.Add(new() { Value = gathered.Entry.Number });
        update.Parameters.Add(new() { Value = gathered.Dropped.ToArray() });
        await update.ExecuteNonQueryAsync(cancellationToken);
        await using var delete = new NpgsqlCommand(
            $"""
            DELETE FROM {AuditSchema.Checkpoints} c WHERE c.time < $1 AND NOT c.handover AND c.size < (
                SELECT max(n.size) FROM {AuditSchema.Checkpoints} n WHERE n.log = c.log AND n.published)
            """,
            connection);
        delete.Parameters.Add(new() { Value = KeptSince(gathered.Entry.Time).UtcDateTime });
        await delete.ExecuteNonQueryAsync(cancellationToken);
    }

    private DateTimeOffset KeptSince(DateTimeOffset now) => now - TimeSpan.FromDays(options.Value.KeepDays);

    /// <summary>
    /// The log's last batch, and the position up to which batches have the heads. After a restore these are two: the
    /// heads of the newest batches are lost, and the next one goes on where the last one that is left ended.
    /// </summary>
    private async Task<Last> LastAsync(LogState state, CancellationToken cancellationToken)
    {
        var covered = await database.QueryAsync(
            $"SELECT position FROM {AuditSchema.Batches} ORDER BY number DESC LIMIT 1",
            row => new LogPosition((ulong)row.GetDecimal(0)), cancellationToken);
        var found = await _log.LastAsync(state.Size, record => record is LogRecord.Batch, cancellationToken);
        var batch = found?.Record as LogRecord.Batch;
        var newest = await _log.EntriesAsync(state.Size - 1, 1, cancellationToken);
        return new Last(
            batch?.Number ?? 0, batch?.Time ?? DateTimeOffset.MinValue, LogRecord.Parse(newest[0]).At,
            covered.SingleOrDefault());
    }

    /// <summary>
    /// The oldest batches, where they are not kept any longer, and those of their heads that are still the newest of
    /// their streams: this batch takes them up.
    /// </summary>
    private async Task<(List<long> Dropped, List<Opening> Carried)> CarriedAsync(
        BatchBuilder builder, LogPosition through, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var old = await database.QueryAsync(
            $"""
            SELECT number, openings FROM {AuditSchema.Batches}
            WHERE openings IS NOT NULL AND time < $1 ORDER BY time, number LIMIT {DropsMax}
            """,
            row => (Number: row.GetInt64(0), Openings: row.GetFieldValue<byte[]>(1)), cancellationToken,
            KeptSince(now).UtcDateTime);
        var (dropped, carried) = (new List<long>(), new Dictionary<string, Opening>(StringComparer.Ordinal));
        foreach (var (number, openings) in old)
        {
            dropped.Add(number);
            var others = Enumerable.Range(0, openings.Length / Opening.Size)
                .Select(at => Opening.Read(openings.AsSpan(at * Opening.Size, Opening.Size)))
                .Where(opening => !opening.IsBlank && !builder.Has(opening.Stream));
            foreach (var some in others.Chunk(StepMax))
            {
                foreach (var opening in await NewestAsync(some, through, cancellationToken))
                    carried[opening.Stream] = opening;
            }
        }

        return (dropped, [.. carried.Values]);
    }

    /// <summary>Heads after which nothing came. A stream's last event is never truncated.</summary>
    private async Task<IEnumerable<Opening>> NewestAsync(
        Opening[] openings, LogPosition through, CancellationToken cancellationToken)
    {
        var ends = await store.EndsOfAsync(
            [
                .. openings.Select(opening => new EventPlace(opening.Stream, opening.Last)),
                .. openings.Select(opening => new EventPlace(opening.Stream, opening.Last + 1)),
            ],
            cancellationToken);
        return openings.Where((_, at) =>
            ends[at] is not null && (ends[openings.Length + at] is not { } next || next.Position > through));
    }

    private static List<Opening> Ordered(IEnumerable<Opening> openings)
    {
        var ordered = openings.ToList();
        ordered.Sort((one, other) => string.CompareOrdinal(one.Stream, other.Stream));
        return ordered;
    }

    private async Task<Digest[]> LeavesAsync(
        List<Opening> openings, long number, CancellationToken cancellationToken)
    {
        var leaves = new Digest[openings.Count];
        for (var start = 0; start < openings.Count; start += StepMax)
        {
            var some = openings.GetRange(start, Math.Min(StepMax, openings.Count - start));
            var secrets = await _salts.OfAsync(some.ConvertAll(opening => opening.Stream), cancellationToken);
            for (var at = 0; at < some.Count; at++)
                leaves[start + at] = MerkleTree.Leaf(some[at].Salted(secrets[at], number).Encode());
        }

        return leaves;
    }

    /// <param name="Time">The last batch's time.</param>
    /// <param name="Entry">The last entry's time: no entry has an earlier one than the entry before.</param>
    private sealed record Last(long Number, DateTimeOffset Time, DateTimeOffset Entry, LogPosition Position);

    /// <param name="Index">The entry's place in the log.</param>
    /// <param name="Shreddings">The counter of shredded secrets of salts when the leaves were made.</param>
    private sealed record Gathered(
        LogRecord.Batch Entry, long Index, List<Opening> Openings, Digest[] Leaves, List<long> Dropped, long Events,
        bool IsFull, long Shreddings);
}

/// <summary>A batch that was appended.</summary>
/// <param name="Entry">Its entry.</param>
/// <param name="Events">The events that its new heads cover.</param>
/// <param name="IsFull">Whether the next batch can be made at once.</param>
internal sealed record AppendedBatch(LogRecord.Batch Entry, long Events, bool IsFull);
