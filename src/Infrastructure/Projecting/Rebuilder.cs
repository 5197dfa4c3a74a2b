using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.ReadModels;
using Marten;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Builds a read model anew beside the one in use: in a schema of its own, from the log's start, while the live one
/// goes on. Once it has nearly caught up, the live runner is held for a moment, the rest is folded, and the tables
/// change places in one transaction. A rebuild that is cut short starts again.
/// </summary>
internal sealed class Rebuilder(
    IEventStore store, IEventCodec codec, ReadModelDatabase database, Func<string, IDocumentStore> storeOf,
    ILogger<Rebuilder> logger)
{
    /// <summary>How often the change is tried while readers are in its way.</summary>
    private const int SwitchTriesMax = 50;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FailureRetry = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly HashSet<string> _filled = [];
    private ulong _livePosition;

    /// <summary>Up to where the live views are; moved while the gate is held.</summary>
    public LogPosition LivePosition
    {
        get => new(Volatile.Read(ref _livePosition));
        set => Volatile.Write(ref _livePosition, value.Value);
    }

    /// <summary>Holds the gate for one transaction of the live runner.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        return new Exit(_gate);
    }

    /// <summary>
    /// Whether the live tables of a model hold everything up to <see cref="LivePosition"/>; a new model does once it is
    /// built. Read while the gate is held.
    /// </summary>
    public bool IsFilled(IReadModel model) => _filled.Contains(model.Name);

    /// <summary>Works on what is asked for until the returned work is disposed.</summary>
    /// <param name="live">The models that the runner folds.</param>
    /// <param name="taken">What the leader has found.</param>
    /// <param name="aside">What the live models leave out; changed while the gate is held.</param>
    public IAsyncDisposable Start(
        IReadOnlyList<IReadModel> live, TakenUp taken, SetAside aside, CancellationToken cancellationToken)
    {
        LivePosition = taken.Position;
        _filled.Clear();
        _filled.UnionWith(taken.Filled);
        return new Work(stop => RunAsync(new Leading(live, taken.Epoch, aside), stop), cancellationToken);
    }

    /// <summary>Asks for a rebuild; asking twice is asking once.</summary>
    public Task RequestAsync(string name, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = database.Source.CreateCommand(
            """
            INSERT INTO checkpoints (name, position, lag_seconds, updated_at) VALUES ($1, 0, 0, now())
            ON CONFLICT (name) DO NOTHING
            """);
        command.Parameters.Add(new() { Value = Checkpoint.RebuildOf(name) });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    private async Task RunAsync(Leading leading, CancellationToken cancellationToken)
    {
        var isClean = false;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (!isClean)
                    await Shadow.DropAsync(database, leading.Epoch, cancellationToken);
                isClean = true;
                if (await NextRequestAsync(cancellationToken) is { } name)
                    await RebuildAsync(leading, leading.Live.Single(model => model.Name == name), cancellationToken);
                else
                    await Task.Delay(LookEvery, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (CheckpointMovedException exception)
            {
                logger.LogWarning("This node does not rebuild any more: {Reason}", exception.Message);
                return;
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "A rebuild failed and starts again.");
                await Task.Delay(FailureRetry, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>The next model to rebuild. A later version may ask for one that this version does not know.</summary>
    private async Task<string?> NextRequestAsync(CancellationToken cancellationToken)
    {
        await using var command = database.Source.CreateCommand(
            "SELECT name FROM checkpoints WHERE name = ANY ($1) ORDER BY updated_at, name LIMIT 1");
        command.Parameters.Add(new() { Value = ReadModelFactory.Names.Select(Checkpoint.RebuildOf).ToArray() });
        return await command.ExecuteScalarAsync(cancellationToken) is string request
            ? Checkpoint.ModelOf(request)
            : null;
    }

    private async Task RebuildAsync(Leading leading, IReadModel live, CancellationToken cancellationToken)
    {
        logger.LogInformation("The read model {Name} is built anew.", live.Name);
        await Shadow.DropAsync(database, leading.Epoch, cancellationToken);
        var schema = Shadow.NameOf(leading.Epoch);
        using var documents = storeOf(schema);
        await documents.Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        await using var tables = database.Open(schema);
        await Checkpoint.BeginRebuildAsync(tables, leading.Epoch, cancellationToken);
        await using (var shadow = await Shadow.OpenAsync(database, leading.Epoch, cancellationToken))
        {
            foreach (var table in live.Tables.Where(table => table.TakenOver != TruncatedRows.None))
                await shadow.TakeOverAsync(table, cancellationToken);

            var model = ReadModelFactory.Create(live.Name);
            var rebuilt = new SetAside();
            await using var feed = new LogFeed(store, codec, [model], LogPosition.Start, cancellationToken);
            var target = new ReadModelTarget(
                documents, tables, new StreamFacts(store, codec), IsRebuild: true, leading.Epoch);
            var build = new Build(
                feed, store, () => LivePosition,
                (facts, from) => ApplyAsync(target, model, rebuilt, facts, from, cancellationToken));
            while (!await build.StepAsync(cancellationToken))
                await shadow.ShowAsync(live.Name, build.Position, cancellationToken);
            await shadow.AnalyzeAsync(live, cancellationToken);

            var tries = 0;
            while (!await TryFinishAsync(shadow, build, live, rebuilt, ++tries, leading, cancellationToken))
                await Task.Delay(LookEvery, cancellationToken);
        }

        await Shadow.DropAsync(database, leading.Epoch, cancellationToken);
        logger.LogInformation("The read model {Name} was replaced.", live.Name);
    }

    /// <summary>Holds the live runner, folds what it has folded meanwhile, and lets the tables change places.</summary>
    /// <returns>False when readers were in the way.</returns>
    private async Task<bool> TryFinishAsync(
        Shadow shadow, Build build, IReadModel live, SetAside rebuilt, int tries, Leading leading,
        CancellationToken cancellationToken)
    {
        using var held = await EnterAsync(cancellationToken);
        while (!await build.StepAsync(cancellationToken))
            cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await shadow.SwitchAsync(live, rebuilt, LivePosition, cancellationToken);
        }
        catch (PostgresException exception)
            when (tries < SwitchTriesMax && exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }

        live.Forget();
        leading.Aside.Replace(live.Name, rebuilt);
        _filled.Add(live.Name);
        return true;
    }

    private async Task ApplyAsync(
        ReadModelTarget target, IReadModel model, SetAside aside, IReadOnlyList<Recorded> facts, LogPosition from,
        CancellationToken cancellationToken)
    {
        aside.Take(facts);
        try
        {
            await CommitAsync(target, model, aside, facts, from, cancellationToken);
        }
        catch (RunFailedException failed) when (failed.Events == 1 && SetAside.IsOfEvent(failed))
        {
            aside.Add(facts[0], failed.InnerException!.Message);
            await CommitAsync(target, model, aside, facts, from, cancellationToken);
        }
    }

    private async Task CommitAsync(
        ReadModelTarget target, IReadModel model, SetAside aside, IReadOnlyList<Recorded> facts, LogPosition from,
        CancellationToken cancellationToken)
    {
        await using var transaction = await ReadModelTransaction.BeginAsync(
            target, from, facts[^1].Position, lagSeconds: 0, cancellationToken);
        try
        {
            var folded = aside.FoldedBy(model.Name, facts);
            if (folded.Count > 0
                && await LogStarts.LeftOfAsync(folded, database.Source, cancellationToken) is { Count: > 0 } left)
                await transaction.FoldAsync(model, left, cancellationToken);
            await transaction.SaveAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (Exception exception) when (RunFailedException.IsOfRun(exception))
        {
            model.Forget();
            logger.LogWarning(exception, "A run of {Events} events of a rebuild failed.", facts.Count);
            throw new RunFailedException(facts.Count, facts[^1].Position, exception);
        }
    }

    /// <param name="Live">The models that the runner folds.</param>
    /// <param name="Epoch">The leader's.</param>
    /// <param name="Aside">What the live models leave out.</param>
    private sealed record Leading(IReadOnlyList<IReadModel> Live, long Epoch, SetAside Aside);

    private sealed class Exit(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }

    private sealed class Work : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop;
        private readonly Task _running;

        public Work(Func<CancellationToken, Task> run, CancellationToken cancellationToken)
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _running = Task.Run(() => run(_stop.Token), CancellationToken.None);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _stop.Dispose();
        }
    }
}
