using System.Diagnostics;
using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// The embedded log: plain tables on PostgreSQL. An append to many streams is one call of one function. The function
/// takes a lock and holds it until its transaction is visible, so a reader that sees a position has seen all positions
/// before it (docs/adr/0001).
/// </summary>
public sealed class PostgresEventStore : IEventStore, IReadsApart, IAsyncDisposable
{
    /// <summary>
    /// How often an idle subscription reads, to find the appends of other nodes. This node's appends wake it at once.
    /// </summary>
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The shortest time between two reads of a subscription that is up to date: under load, pages get larger.
    /// </summary>
    private static readonly TimeSpan ReadEvery = TimeSpan.FromMilliseconds(20);

    private readonly LogReader _reader;
    private readonly LogReader _feed;
    private readonly LogReader _audit;
    private readonly LogReader _look;
    private readonly LogTruncation _truncation;
    private readonly LogAppender _appender;
    private TaskCompletionSource _appended = NewSignal();

    /// <param name="database">The data source for truncation; not disposed here.</param>
    /// <param name="connection">The server and database of the log.</param>
    public PostgresEventStore(NpgsqlDataSource database, NpgsqlConnectionStringBuilder connection)
    {
        Connections = new LogConnections(connection);
        _reader = new LogReader(Connections.Reads);
        _feed = new LogReader(Connections.Feeds);
        _audit = new LogReader(Connections.Audits);
        _look = new LogReader(Connections.Looks);
        _appender = new LogAppender(Connections.Appends);
        _truncation = new LogTruncation(database);
    }

    internal LogConnections Connections { get; }

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(
        IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
    {
        StreamAppend.Check(appends);
        if (appends.Count == 0)
            return [];
        var batch = AppendBatch.Of(appends);
        var outcomes = await PostgresErrors.GuardAsync(() => _appender.AppendAsync(batch, cancellationToken));
        Interlocked.Exchange(ref _appended, NewSignal()).TrySetResult();
        return outcomes;
    }

    public Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return PostgresErrors.GuardAsync(() => _reader.StreamAsync(stream, from, direction, limit, cancellationToken));
    }

    public Task<IReadOnlyList<StoredEvent>> ReadPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return PostgresErrors.GuardAsync(() => _audit.StreamPageAsync(stream, from, limit, cancellationToken));
    }

    Task<IReadOnlyList<StoredEvent>> IReadsApart.ReadApartAsync(
        string stream, long from, int limit, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(
            () => _feed.StreamAsync(stream, from, ReadDirection.Forwards, limit, cancellationToken));

    public async IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var appended = Volatile.Read(ref _appended).Task; // Before the read, or an append during it is missed.
            var started = Stopwatch.GetTimestamp();
            var from = after;
            var page = await PostgresErrors.GuardAsync(() => _feed.PageAsync(from, cancellationToken));
            after = page.Last;
            if (page.Events.Count > 0)
                yield return page.Events;
            var wait = page.Last == from
                ? appended.WaitAsync(PollEvery, cancellationToken)
                : !page.IsFull && ReadEvery - Stopwatch.GetElapsedTime(started) is { Ticks: > 0 } rest
                    ? Task.Delay(rest, cancellationToken)
                    : Task.CompletedTask;
            await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task<LogPosition> HeadAsync(CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(() => _look.HeadAsync(cancellationToken));

    public Task<LogChanges> ChangesAsync(LogPosition after, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return PostgresErrors.GuardAsync(() => _look.ChangesAsync(after, limit, cancellationToken));
    }

    public Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return PostgresErrors.GuardAsync(() => _look.EndsAsync(after, through, limit, cancellationToken));
    }

    public Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(() => _look.EndsOfAsync(events, cancellationToken));

    public Task TruncateAsync(string stream, long before, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(() => _truncation.RunAsync(stream, before, cancellationToken));

    public ValueTask DisposeAsync() => Connections.DisposeAsync();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
