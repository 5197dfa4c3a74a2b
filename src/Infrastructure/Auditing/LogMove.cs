using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Notes in the log of heads that the events are in another store: same bytes, revisions and chains, other positions.
/// Before that the heads of every batch are made from both stores, and must be the same. Nobody may write meanwhile.
/// </summary>
internal sealed class LogMove(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Events that are asked for at once.</summary>
    private const int PageSize = 20_000;

    private readonly EntryLog _log = new(EntryLog.Heads, database);

    /// <param name="from">The store that the batches were made from. All of it is in batches.</param>
    /// <param name="to">The store that has its events now.</param>
    /// <returns>The entry.</returns>
    /// <exception cref="LogMoveException">
    /// The stores differ, or the old one has events that are in no batch.
    /// </exception>
    public async Task<LogRecord.Moved> RunAsync(IEventStore from, IEventStore to, CancellationToken cancellationToken)
    {
        var state = await _log.StateAsync(cancellationToken)
            ?? throw new LogMoveException("There is no log of heads.");
        var batches = await BatchesAsync(cancellationToken);
        if (batches.Count == 0 || batches[^1].Position < await from.HeadAsync(cancellationToken))
            throw new LogMoveException("The last events are in no batch yet: let the old server run for a minute.");
        var (before, after) = (LogPosition.Start, LogPosition.Start);
        var moved = new List<LogPosition>(batches.Count);
        foreach (var (number, position) in batches)
        {
            var heads = await HeadsAsync(from, before, position, cancellationToken);
            after = await EndAsync(to, heads, after, cancellationToken);
            var there = await HeadsAsync(to, moved.LastOrDefault(), after, cancellationToken);
            if (!heads.SequenceEqual(there))
                throw new LogMoveException($"The new store has other events in batch {number} than the old one.");
            moved.Add(after);
            before = position;
        }

        if (await to.HeadAsync(cancellationToken) > after)
            throw new LogMoveException("The new store has more events than the old one.");
        var last = LogRecord.Parse((await _log.EntriesAsync(state.Size - 1, 1, cancellationToken))[0]);
        var now = LogSigning.Milliseconds(clock.GetUtcNow());
        var entry = new LogRecord.Moved(now > last.At ? now : last.At, batches[^1].Position, after);
        await RecordAsync(state.Size, entry, batches, moved, cancellationToken);
        return entry;
    }

    private async Task<List<(long Number, LogPosition Position)>> BatchesAsync(CancellationToken cancellationToken) =>
        await database.QueryAsync(
            $"SELECT number, position FROM {AuditSchema.Batches} ORDER BY number",
            row => (row.GetInt64(0), new LogPosition((ulong)row.GetDecimal(1))), cancellationToken);

    private static async Task<List<Opening>> HeadsAsync(
        IEventStore store, LogPosition after, LogPosition through, CancellationToken cancellationToken)
    {
        var builder = new BatchBuilder();
        for (var page = new LogEnds([], after, IsFull: through > after); page.IsFull;)
        {
            page = await store.EndsAsync(page.Through, through, PageSize, cancellationToken);
            builder.Add(page);
        }

        return [.. builder.Build().OrderBy(opening => opening.Stream, StringComparer.Ordinal)];
    }

    /// <summary>The largest position in the new store of the last events of a batch's streams.</summary>
    private static async Task<LogPosition> EndAsync(
        IEventStore store, List<Opening> heads, LogPosition last, CancellationToken cancellationToken)
    {
        var ends = await store.EndsOfAsync(
            [.. heads.Select(head => new EventPlace(head.Stream, head.Last))], cancellationToken);
        return ends.Any(end => end is null)
            ? throw new LogMoveException("The new store lacks events.")
            : ends.Select(end => end!.Position).Append(last).Max();
    }

    /// <summary>One transaction: the entry, and the positions by which a batch is found.</summary>
    private Task RecordAsync(
        long size, LogRecord.Moved entry, List<(long Number, LogPosition Position)> batches, List<LogPosition> moved,
        CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!await _log.TryAppendAsync(connection, size, [entry.Encode()], cancellationToken))
            throw new LogMoveException("A server still writes to the log of heads: stop it.");
        await AuditRecovery.ExecuteAsync(
            connection,
            $"""
            UPDATE {AuditSchema.Batches} b SET position = m.position, moved_from = coalesce(b.moved_from, b.position)
            FROM unnest($1::bigint[], $2::numeric[]) AS m (number, position) WHERE b.number = m.number
            """,
            cancellationToken, batches.Select(batch => batch.Number).ToArray(),
            moved.Select(position => (decimal)position.Value).ToArray());
        await transaction.CommitAsync(cancellationToken);
    });
}

/// <summary>The move cannot be noted as things are; nothing was changed.</summary>
internal sealed class LogMoveException(string message) : FormatException(message);

/// <summary>
/// The command that notes a move of the events from PostgreSQL to the EventStoreDB of the settings, once somebody has
/// copied them there. It is not how to copy them.
/// </summary>
public static class LogMoveCommand
{
    public const string Name = "audit-moved";

    /// <param name="services">Those of a server that is not started.</param>
    /// <returns>What was done, for people.</returns>
    /// <exception cref="FormatException">The settings name no new store, or the stores differ.</exception>
    public static async Task<string> RunAsync(IServiceProvider services)
    {
        var database = services.GetRequiredService<NpgsqlDataSource>();
        var to = services.GetRequiredService<IEventStore>();
        if (to is PostgresEventStore)
            throw new LogMoveException("ConnectionStrings:EventStore must name the store that has the events now.");
        await using var from = new PostgresEventStore(
            database, services.GetRequiredService<NpgsqlConnectionStringBuilder>());
        var move = new LogMove(database, services.GetRequiredService<TimeProvider>());
        var entry = await move.RunAsync(from, to, CancellationToken.None);
        return $"The heads of all batches are the same in both stores. Position {entry.From} is now {entry.To}.";
    }
}
