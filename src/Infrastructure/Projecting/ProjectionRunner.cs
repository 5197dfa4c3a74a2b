using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using Marten;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Folds the log into the read models, on one node at a time. A run of events, the views that it touches and the
/// checkpoint are one transaction: after any crash each event has taken effect exactly once. A run that fails is tried
/// again in halves. An event that cannot be read or folded is set aside with the rest of its stream
/// (<see cref="SetAside"/>), and shows.
/// </summary>
internal sealed class ProjectionRunner(
    IEventStore store, IEventCodec codec, IDocumentStore documents, ReadModelDatabase database, Rebuilder rebuilder,
    IEnumerable<IReaction> reactions, ReadSide readSide, RunnerState state, TracedAppends traced, TimeProvider clock,
    ILogger<ProjectionRunner> logger) : BackgroundService
{
    private static readonly TimeSpan StoreRetryMin = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan StoreRetryMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FailureRetry = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LeaderRetry = TimeSpan.FromSeconds(1);

    /// <summary>How often the leader shows that it is alive while nothing happens.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(2);

    private static readonly Histogram<double> Lag = Telemetry.Meter.CreateHistogram(
        "chat.projection.lag", "s", "Age of an event when the views hold it.",
        advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries =
                [.005, .01, .025, .05, .1, .15, .2, .25, .3, .4, .5, .75, 1, 2.5, 5, 10],
        });

    private static readonly Histogram<int> Batch = Telemetry.Meter.CreateHistogram<int>(
        "chat.projection.events", "{event}", "Events in one transaction.");

    private readonly FeedWatch _watch = new(store, clock);
    private readonly IReadOnlyList<IReadModel> _models = ReadModelFactory.CreateAll();
    private readonly IReadOnlyList<IReaction> _reactions = [.. reactions];
    private readonly RunSize _runSize = new();
    private TimeSpan _storeRetry = StoreRetryMin;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var election = new LeaderElection(database.ConnectionString);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await LeadOrFollowAsync(election, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                var wait = Explain(exception);
                await Task.Delay(wait, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Says what has ended the runner's work, and how long it is to wait before the next try.</summary>
    private TimeSpan Explain(Exception exception)
    {
        if (exception is CheckpointMovedException or LeadershipLostException)
        {
            logger.LogWarning("This node does not fold the read models any more: {Reason}", exception.Message);
            state.Following();
            return LeaderRetry;
        }

        state.Stopped(exception.Message);
        if (exception is RunFailedException failed && _runSize.Failed(failed.Events))
        {
            logger.LogWarning(exception, "A run failed. At most {Events} events are tried now.", _runSize.Max);
            return StoreRetryMin;
        }

        if (exception is not StoreUnavailableException && !PostgresErrors.IsUnavailable(exception))
        {
            logger.LogError(exception, "The read models have stopped.");
            return FailureRetry;
        }

        logger.LogWarning("The read models wait for a store: {Reason}", exception.Message);
        var wait = _storeRetry;
        _storeRetry = wait * 2 < StoreRetryMax ? wait * 2 : StoreRetryMax;
        return wait;
    }

    private async Task LeadOrFollowAsync(LeaderElection election, CancellationToken stoppingToken)
    {
        await using var leadership = await election.TryLeadAsync(stoppingToken);
        if (leadership is null)
        {
            state.Following();
            await Task.Delay(LeaderRetry, stoppingToken);
            return;
        }

        using var leading = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, leadership.Lost);
        try
        {
            await RunAsync(leading.Token);
        }
        catch (OperationCanceledException) when (leadership.Lost.IsCancellationRequested && !stoppingToken.IsCancellationRequested)
        {
            throw new LeadershipLostException();
        }
        finally
        {
            readSide.Follow();
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var model in _models)
            model.Forget();
        var taken = await Checkpoint.TakeUpAsync(
            database.Source, ReadModelFactory.Names, ReadModelFactory.BeforeNotes, cancellationToken);
        var aside = await SetAside.TakeUpAsync(database.Source, cancellationToken);
        var live = new ReadModelTarget(
            documents, database.Source, new StreamFacts(store, codec), IsRebuild: false, taken.Epoch);
        var position = taken.Position;
        readSide.Lead(position);
        state.Running();
        logger.LogInformation(
            "This node folds the read models, from {Position} on, as leader {Epoch}.", position, taken.Epoch);

        await using var feed = new LogFeed(store, codec, _models, position, cancellationToken);
        await using var rebuilding = rebuilder.Start(_models, taken, aside, cancellationToken);
        while (true)
        {
            if (await feed.NextAsync(Heartbeat, _runSize.Max) is not { } facts)
            {
                var silence = await _watch.LookAsync(position, cancellationToken);
                await Checkpoint.TouchAsync(
                    database.Source, taken.Epoch, position, silence.TotalSeconds, cancellationToken);
                continue;
            }

            _watch.Delivered();
            var started = Stopwatch.GetTimestamp();
            position = await ApplyAsync(live, aside, facts, position, cancellationToken);
            await Pacing.PauseAsync(facts.Count, Stopwatch.GetElapsedTime(started), cancellationToken);
        }
    }

    private async Task<LogPosition> ApplyAsync(
        ReadModelTarget live, SetAside aside, IReadOnlyList<Recorded> facts, LogPosition from,
        CancellationToken cancellationToken)
    {
        var to = facts[^1].Position;
        var startedAt = clock.GetUtcNow();
        using (await rebuilder.EnterAsync(cancellationToken))
        {
            aside.Take(facts);
            try
            {
                await CommitAsync(live, aside, facts, from, cancellationToken);
            }
            catch (RunFailedException failed) when (failed.Events == 1 && SetAside.IsOfEvent(failed))
            {
                foreach (var model in _models)
                    model.Forget();
                aside.Add(facts[0], failed.InnerException!.Message);
                await CommitAsync(live, aside, facts, from, cancellationToken);
            }

            rebuilder.LivePosition = to;
        }

        readSide.Raise(to);
        _storeRetry = StoreRetryMin;
        _runSize.Committed();
        Batch.Record(facts.Count);
        foreach (var request in traced.TakeThrough(to))
        {
            using var span = Telemetry.StartFor(request, "project", startedAt);
            span?.SetTag("chat.events", facts.Count);
        }

        var now = clock.GetUtcNow();
        foreach (var fact in facts.Where(fact => fact.Event is not UnreadableEvent))
            Lag.Record((now - fact.At).TotalSeconds);
        return to;
    }

    private async Task CommitAsync(
        ReadModelTarget live, SetAside aside, IReadOnlyList<Recorded> facts, LogPosition from,
        CancellationToken cancellationToken)
    {
        var to = facts[^1].Position;
        var now = clock.GetUtcNow();
        var firstAt = facts.FirstOrDefault(fact => fact.Event is not UnreadableEvent)?.At ?? now;
        await using var transaction = await ReadModelTransaction.BeginAsync(
            live, from, to, (now - firstAt).TotalSeconds, cancellationToken);
        IReadOnlyList<SetAsideEvent> noted;
        try
        {
            noted = await aside.SaveAsync(transaction.Session.Connection, cancellationToken);
            await FoldAsync(aside, facts, transaction, cancellationToken);
        }
        catch (Exception exception) when (RunFailedException.IsOfRun(exception))
        {
            throw new RunFailedException(facts.Count, to, exception);
        }

        aside.Saved();
        foreach (var set in noted)
        {
            logger.LogError(
                "The event {Event} ({Type}) at {Position} is set aside, and what follows it in {Stream}: {Reason}",
                set.EventId, set.Type, set.Position, set.Stream, set.Reason);
        }
    }

    private async Task FoldAsync(
        SetAside aside, IReadOnlyList<Recorded> facts, ReadModelTransaction transaction,
        CancellationToken cancellationToken)
    {
        foreach (var model in _models.Where(rebuilder.IsFilled))
        {
            if (aside.FoldedBy(model.Name, facts) is { Count: > 0 } folded)
                await transaction.FoldAsync(model, folded, cancellationToken);
        }

        await transaction.SaveAsync(cancellationToken);
        if (aside.FoldedByAll(facts) is { Count: > 0 } shown)
            await ReactAsync(shown, transaction, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task ReactAsync(
        IReadOnlyList<Recorded> facts, ReadModelTransaction transaction, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var reaction in _reactions)
                await reaction.ApplyAsync(facts, transaction.Session, transaction.Inner, cancellationToken);
        }
        catch (Exception exception) when (RunFailedException.IsOfRun(exception))
        {
            throw new ReactionFailedException(exception);
        }
    }
}

/// <summary>
/// The pause after a transaction, by which the next one finds more to fold into the same views: transactions start at
/// most so often, and the first event after a while shows at once.
/// </summary>
internal static class Pacing
{
    /// <summary>From so many events on a transaction counts as load.</summary>
    internal const int Loaded = 200;

    internal static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(40);
    internal static readonly TimeSpan LoadedInterval = TimeSpan.FromMilliseconds(125);

    public static TimeSpan After(int events, TimeSpan took)
    {
        var interval = events < Loaded ? Interval : LoadedInterval;
        return interval > took ? interval - took : TimeSpan.Zero;
    }

    public static Task PauseAsync(int events, TimeSpan took, CancellationToken cancellationToken) =>
        After(events, took) is { Ticks: > 0 } pause ? Task.Delay(pause, cancellationToken) : Task.CompletedTask;
}

/// <summary>The session that holds the leader's lock has ended.</summary>
internal sealed class LeadershipLostException() : Exception("The leader's lock was lost.");

/// <summary>What follows from a run could not be stored, though the run was folded.</summary>
internal sealed class ReactionFailedException(Exception inner)
    : Exception($"A reaction failed: {inner.Message}", inner);
