using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Marten;
using Marten;
using Marten.Services;
using Medallion.Threading.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Folds the log into the read models, on one node at a time. A run of events, the views that it touches and the checkpoint are one transaction: after any
/// crash each event has taken effect exactly once. An event that cannot be read stops the runner, and shows; it is never skipped.
/// </summary>
internal sealed class ProjectionRunner(
    IEventStore store, IEventCodec codec, IDocumentStore documents, NpgsqlDataSource database, NpgsqlConnectionStringBuilder connection,
    IReadOnlyList<IReadModel> models, Rebuilder rebuilder, ReadSide readSide, RunnerState state, TimeProvider clock,
    ILogger<ProjectionRunner> logger) : BackgroundService
{
    /// <summary>How many events one transaction takes at most.</summary>
    private const int BatchMax = 8_000;

    /// <summary>How many pages of the log wait to be folded.</summary>
    private const int PagesAhead = 8;

    /// <summary>Under load, transactions start at least so far apart: each then folds more events into the same views.</summary>
    private static readonly TimeSpan LoadedInterval = TimeSpan.FromMilliseconds(150);

    /// <summary>A transaction of so many events counts as load.</summary>
    private const int LoadedFrom = 200;

    private static readonly TimeSpan RetryMin = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LeaderRetry = TimeSpan.FromSeconds(1);

    private static readonly Histogram<double> Lag = Telemetry.Meter.CreateHistogram(
        "chat.projection.lag", "s", "Age of an event when the views hold it.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [.005, .01, .025, .05, .1, .15, .2, .25, .3, .4, .5, .75, 1, 2.5, 5, 10] });
    private static readonly Histogram<int> Batch = Telemetry.Meter.CreateHistogram<int>("chat.projection.events", "{event}", "Events in one transaction.");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var retry = RetryMin; !stoppingToken.IsCancellationRequested;)
        {
            try
            {
                if (!await TryLeadAsync(stoppingToken))
                    await Task.Delay(LeaderRetry, stoppingToken);
                retry = RetryMin;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                state.Stopped(exception.Message);
                if (PostgresErrors.IsUnavailable(exception) || exception is StoreUnavailableException)
                    logger.LogWarning("The read models wait for a store: {Reason}", exception.Message);
                else
                    logger.LogError(exception, "The read models have stopped.");
                await Task.Delay(retry, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                retry = retry * 2 < RetryMax ? retry * 2 : RetryMax;
            }
            finally
            {
                readSide.Lead(false);
            }
        }
    }

    private async Task<bool> TryLeadAsync(CancellationToken stoppingToken)
    {
        var leadership = new PostgresDistributedLock(
            new PostgresAdvisoryLockKey("chatcqrs-runner", allowHashing: true), connection.ConnectionString,
            options => options.KeepaliveCadence(TimeSpan.FromSeconds(5)));
        await using var handle = await leadership.TryAcquireAsync(cancellationToken: stoppingToken);
        if (handle is null)
            return false;

        using var leading = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, handle.HandleLostToken);
        await RunAsync(leading.Token);
        return true;
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var model in models)
            model.Forget();
        LogPosition position;
        await using (var start = await database.OpenConnectionAsync(cancellationToken))
            position = await Checkpoint.ReadAsync(start, MartenRegistration.Schema, Checkpoint.Live, cancellationToken);
        readSide.Lead(true);
        readSide.Raise(position);
        state.Running();
        logger.LogInformation("This node folds the read models, from {Position} on.", position);

        using var reading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pages = System.Threading.Channels.Channel.CreateBounded<IReadOnlyList<StoredEvent>>(PagesAhead);
        var pump = PumpAsync(position, pages.Writer, reading.Token);
        rebuilder.Start(models, reading.Token);
        try
        {
            while (await pages.Reader.WaitToReadAsync(cancellationToken))
            {
                var started = Stopwatch.GetTimestamp();
                var facts = new List<Recorded>();
                while (facts.Count < BatchMax && pages.Reader.TryRead(out var page))
                    facts.AddRange(page.Select(codec.Decode));
                position = await ApplyAsync(facts, position, cancellationToken);
                var left = LoadedInterval - Stopwatch.GetElapsedTime(started);
                if (facts.Count >= LoadedFrom && left > TimeSpan.Zero)
                    await Task.Delay(left, cancellationToken);
            }

            await pump;
        }
        finally
        {
            await reading.CancelAsync();
            await rebuilder.StopAsync();
        }
    }

    private async Task PumpAsync(LogPosition after, ChannelWriter<IReadOnlyList<StoredEvent>> pages, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var page in store.SubscribeAllAsync(after, cancellationToken))
                await pages.WriteAsync(page, cancellationToken);
        }
        catch (Exception exception)
        {
            pages.TryComplete(exception);
            return;
        }

        pages.TryComplete();
    }

    private async Task<LogPosition> ApplyAsync(IReadOnlyList<Recorded> facts, LogPosition from, CancellationToken cancellationToken)
    {
        using var activity = Telemetry.Source.StartActivity("project");
        activity?.SetTag("chat.events", facts.Count);
        var to = facts[^1].Position;
        using (await rebuilder.EnterAsync(cancellationToken))
        {
            await using var transaction = await ReadModelTransaction.BeginAsync(documents, database, MartenRegistration.Schema, cancellationToken);
            foreach (var model in models)
                await model.ApplyAsync(facts, transaction.Session, cancellationToken);
            var lag = (clock.GetUtcNow() - facts[^1].At).TotalSeconds;
            await transaction.CommitAsync(Checkpoint.Live, from, to, lag, cancellationToken);
            rebuilder.LivePosition = to;
        }

        readSide.Raise(to);
        Batch.Record(facts.Count);
        var now = clock.GetUtcNow();
        foreach (var fact in facts)
            Lag.Record((now - fact.At).TotalSeconds);
        return to;
    }
}

/// <summary>A transaction that views and checkpoint share.</summary>
internal sealed class ReadModelTransaction : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;

    private ReadModelTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction, IDocumentSession documents, string schema)
    {
        _connection = connection;
        _transaction = transaction;
        Session = new ReadModelSession(documents, connection, schema);
    }

    public ReadModelSession Session { get; }

    public static async Task<ReadModelTransaction> BeginAsync(
        IDocumentStore store, NpgsqlDataSource database, string schema, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        return new ReadModelTransaction(connection, transaction, store.LightweightSession(SessionOptions.ForTransaction(transaction)), schema);
    }

    /// <summary>Writes the documents, moves the checkpoint and commits.</summary>
    public async Task CommitAsync(string checkpoint, LogPosition from, LogPosition to, double lagSeconds, CancellationToken cancellationToken)
    {
        await Session.Documents.SaveChangesAsync(cancellationToken);
        await Checkpoint.MoveAsync(_connection, Session.Schema, checkpoint, from, to, lagSeconds, cancellationToken);
        await _transaction.CommitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Session.Documents.DisposeAsync();
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
