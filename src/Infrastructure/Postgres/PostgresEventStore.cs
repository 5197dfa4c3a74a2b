using System.Diagnostics;
using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Npgsql;

namespace ChatCqrs.Infrastructure.Postgres;

/// <summary>
/// The embedded log: tables in Marten's own schema on PostgreSQL. A batch over many streams is one call of one function. The function takes a lock first and
/// keeps it until its transaction is visible, so a reader that has seen a position has seen all before it. See docs/adr/0001.
/// </summary>
public sealed class PostgresEventStore : IEventStore, IAsyncDisposable
{
    /// <summary>How long a subscription waits before it looks for what other nodes appended; it hears at once of what this one appends.</summary>
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>At most so often a subscription that has seen everything reads again: while much is appended, it is read in larger pieces.</summary>
    private static readonly TimeSpan ReadEvery = TimeSpan.FromMilliseconds(20);

    private readonly LogConnections _connections;
    private readonly LogReader _reader;
    private readonly LogTruncation _truncation;
    private readonly LogAppender _appender;
    private TaskCompletionSource _appended = NewSignal();

    /// <param name="database">The data source for truncation; not disposed here.</param>
    /// <param name="connection">Where the log is.</param>
    /// <param name="schema">The schema of its tables.</param>
    public PostgresEventStore(NpgsqlDataSource database, NpgsqlConnectionStringBuilder connection, string schema)
    {
        _connections = new LogConnections(connection);
        _reader = new LogReader(_connections.Reads, schema);
        _appender = new LogAppender(_connections.Appends, schema);
        _truncation = new LogTruncation(database, schema);
    }

    public async Task<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken)
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

    public async IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var appended = Volatile.Read(ref _appended).Task; // Before reading: what is appended meanwhile must not be missed.
            var started = Stopwatch.GetTimestamp();
            var (from, page) = (after, await PostgresErrors.GuardAsync(() => _reader.PageAsync(after, cancellationToken)));
            after = page.Last;
            if (page.Events.Count > 0)
                yield return page.Events;
            if (page.Last == from)
                await appended.WaitAsync(PollEvery, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            else if (!page.IsFull && ReadEvery - Stopwatch.GetElapsedTime(started) is { Ticks: > 0 } rest)
                await Task.Delay(rest, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task<LogPosition> HeadAsync(CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(() => _reader.HeadAsync(cancellationToken));

    public Task TruncateAsync(string stream, long before, CancellationToken cancellationToken) =>
        PostgresErrors.GuardAsync(() => _truncation.RunAsync(stream, before, cancellationToken));

    public ValueTask DisposeAsync() => _connections.DisposeAsync();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
