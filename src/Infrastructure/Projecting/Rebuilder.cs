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
    private const string Live = PostgresRegistration.Schema;
    private const string Shadow = PostgresRegistration.Schema + "_rebuild";

    /// <summary>
    /// Readers that come while the tables change places wait so long at most. Less than PostgreSQL waits before it
    /// looks for deadlocks (1 s).
    /// </summary>
    private const string LockTimeout = "400ms";

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
    /// <param name="filled">The names of the models that are there up to the position.</param>
    public IAsyncDisposable Start(
        IReadOnlyList<IReadModel> live, IEnumerable<string> filled, LogPosition position, CancellationToken cancellationToken)
    {
        LivePosition = position;
        _filled.Clear();
        _filled.UnionWith(filled);
        return new Work(live, this, cancellationToken);
    }

    /// <summary>Asks for a rebuild; asking twice is asking once.</summary>
    public Task RequestAsync(string name, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = database.Source.CreateCommand(
            "INSERT INTO checkpoints (name, position, lag_seconds, updated_at) VALUES ($1, 0, 0, now()) ON CONFLICT (name) DO NOTHING");
        command.Parameters.Add(new() { Value = Checkpoint.RebuildOf(name) });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    private async Task RunAsync(IReadOnlyList<IReadModel> live, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (await NextRequestAsync(cancellationToken) is { } name)
                    await RebuildAsync(live.Single(model => model.Name == name), cancellationToken);
                await Task.Delay(LookEvery, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
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
        await using var command = database.Source.CreateCommand("SELECT name FROM checkpoints WHERE name = ANY ($1) ORDER BY updated_at, name LIMIT 1");
        command.Parameters.Add(new() { Value = ReadModelFactory.Names.Select(Checkpoint.RebuildOf).ToArray() });
        return await command.ExecuteScalarAsync(cancellationToken) is string request ? Checkpoint.ModelOf(request) : null;
    }

    private async Task RebuildAsync(IReadModel live, CancellationToken cancellationToken)
    {
        logger.LogInformation("The read model {Name} is built anew.", live.Name);
        await DropShadowAsync(cancellationToken);
        using var shadow = storeOf(Shadow);
        await shadow.Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        await using var tables = database.Open(Shadow);
        await Checkpoint.BeginRebuildAsync(tables, cancellationToken);
        await using var untruncated = await HoldLogAsync(cancellationToken);
        foreach (var table in live.Tables.Where(table => table.TakenOver != TruncatedRows.None))
            await TakeOverAsync(table, cancellationToken);

        var model = ReadModelFactory.Create(live.Name);
        await using var feed = new LogFeed(store, codec, [model], LogPosition.Start, cancellationToken);
        var target = new ReadModelTarget(shadow, tables, new StreamFacts(store, codec), IsRebuild: true);
        var build = new Build(feed, store, () => LivePosition, (facts, from) => ApplyAsync(target, model, facts, from, cancellationToken));
        while (!await build.StepAsync(cancellationToken))
            await ShowAsync(live.Name, build.Position, cancellationToken);
        await ExecuteAsync(string.Join(';', live.Tables.Select(table => $"ANALYZE {Shadow}.{table.Name}")), cancellationToken);

        for (var tries = 1; !await TryFinishAsync(build, live, mayFail: tries < SwitchTriesMax, cancellationToken); tries++)
            await Task.Delay(LookEvery, cancellationToken);
        await DropShadowAsync(cancellationToken);
        logger.LogInformation("The read model {Name} was replaced.", live.Name);
    }

    /// <summary>A session that keeps the log's start where it is until it ends.</summary>
    private async Task<NpgsqlConnection> HoldLogAsync(CancellationToken cancellationToken)
    {
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            Pooling = false,
            CommandTimeout = 0, // The truncations that it waits for may go over many streams.
        }.ConnectionString);
        try
        {
            await session.OpenAsync(cancellationToken);
            await LogStarts.HoldAsync(session, cancellationToken);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    private async Task TakeOverAsync(ReadModelTable table, CancellationToken cancellationToken)
    {
        await using var list = database.Source.CreateCommand(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2");
        list.Parameters.Add(new() { Value = Shadow });
        list.Parameters.Add(new() { Value = table.Name });
        var columns = (string)(await list.ExecuteScalarAsync(cancellationToken))!;
        await ExecuteAsync(
            $"INSERT INTO {Shadow}.{table.Name} ({columns}) SELECT {columns} FROM {Live}.{table.Name} t WHERE {table.TakenOver}",
            cancellationToken);
    }

    /// <summary>Holds the live runner, folds what it has folded meanwhile, and lets the tables change places.</summary>
    /// <returns>False when readers were in the way.</returns>
    private async Task<bool> TryFinishAsync(Build build, IReadModel live, bool mayFail, CancellationToken cancellationToken)
    {
        using var held = await EnterAsync(cancellationToken);
        while (!await build.StepAsync(cancellationToken))
            cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await SwitchAsync(live, cancellationToken);
        }
        catch (PostgresException exception) when (mayFail && exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }

        live.Forget();
        _filled.Add(live.Name);
        return true;
    }

    private async Task ApplyAsync(
        ReadModelTarget target, IReadModel model, IReadOnlyList<Recorded> facts, LogPosition from, CancellationToken cancellationToken)
    {
        await using var transaction = await ReadModelTransaction.BeginAsync(target, from, facts[^1].Position, lagSeconds: 0, cancellationToken);
        try
        {
            if (await LogStarts.LeftOfAsync(facts, database.Source, cancellationToken) is { Count: > 0 } left)
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

    /// <summary>
    /// The new tables take the place of the old ones, provided that no other runner has moved the live views.
    /// </summary>
    private async Task SwitchAsync(IReadModel model, CancellationToken cancellationToken)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await Checkpoint.HoldAsync(connection, LivePosition, cancellationToken);
        var tables = string.Join(", ", model.Tables.Select(table => $"{Live}.{table.Name}"));
        var moves = string.Join(' ', model.Tables.Select(table => $"ALTER TABLE {Shadow}.{table.Name} SET SCHEMA {Live};"));
        await using var command = connection.CreateCommand();
        command.CommandText =
            $"""
            SET LOCAL lock_timeout = '{LockTimeout}';
            LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE;
            DROP TABLE {tables};
            {moves}
            DELETE FROM checkpoints WHERE name = '{Checkpoint.RebuildOf(model.Name)}';
            UPDATE checkpoints SET models = array_append(models, '{model.Name}')
            WHERE name = '{Checkpoint.Live}' AND NOT '{model.Name}' = ANY (models);
            """;
        await command.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>How far a rebuild is, for operators.</summary>
    private async Task ShowAsync(string name, LogPosition position, CancellationToken cancellationToken)
    {
        await using var command = database.Source.CreateCommand("UPDATE checkpoints SET position = $2 WHERE name = $1");
        command.Parameters.Add(new() { Value = Checkpoint.RebuildOf(name) });
        command.Parameters.Add(new() { Value = (decimal)position.Value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private Task DropShadowAsync(CancellationToken cancellationToken) =>
        ExecuteAsync($"DROP SCHEMA IF EXISTS {Shadow} CASCADE", cancellationToken);

    /// <summary>
    /// Takes as long as the rows do: a rebuild that was given up for that would start again, and take no less. It ends
    /// with the leadership.
    /// </summary>
    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = database.Source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed class Exit(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }

    private sealed class Work : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop;
        private readonly Task _running;

        public Work(IReadOnlyList<IReadModel> live, Rebuilder rebuilder, CancellationToken cancellationToken)
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _running = Task.Run(() => rebuilder.RunAsync(live, _stop.Token), CancellationToken.None);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _stop.Dispose();
        }
    }
}
