using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Marten;
using Marten;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Builds a read model anew beside the one in use: in a schema of its own, from the log's start, while the live one goes on. Once it has nearly caught up, the
/// live runner is held for a moment, the rest is folded, and the tables change places in one transaction. A rebuild that is cut short starts again.
/// </summary>
internal sealed class Rebuilder(
    IEventStore store, IEventCodec codec, NpgsqlDataSource database, Func<string, IDocumentStore> storeOf, ReadModelFactory factory,
    ILogger<Rebuilder> logger)
{
    private const string Prefix = "rebuild:";
    private const string Shadow = MartenRegistration.Schema + "_rebuild";
    private const string Retired = MartenRegistration.Schema + "_retired";

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private ulong _livePosition;
    private Task _running = Task.CompletedTask;

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

    public void Start(IReadOnlyList<IReadModel> live, CancellationToken cancellationToken) =>
        _running = Task.Run(() => RunAsync(live, cancellationToken), CancellationToken.None);

    public Task StopAsync() => _running;

    /// <summary>Asks for a rebuild; asking twice is asking once.</summary>
    public Task RequestAsync(string name, CancellationToken cancellationToken) => PostgresErrors.GuardAsync(async () =>
    {
        await using var command = database.CreateCommand(
            $"""
            INSERT INTO {MartenRegistration.Schema}.checkpoints (name, position, lag_seconds, updated_at) VALUES ($1, 0, 0, now())
            ON CONFLICT (name) DO NOTHING
            """);
        command.Parameters.Add(new() { Value = Prefix + name });
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
                await Task.Delay(LookEvery, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<string?> NextRequestAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"SELECT name FROM {MartenRegistration.Schema}.checkpoints WHERE name LIKE '{Prefix}%' ORDER BY updated_at LIMIT 1");
        return (await command.ExecuteScalarAsync(cancellationToken) as string)?[Prefix.Length..];
    }

    private async Task RebuildAsync(IReadModel live, CancellationToken cancellationToken)
    {
        logger.LogInformation("Read model {Name} is built anew.", live.Name);
        await ExecuteAsync($"DROP SCHEMA IF EXISTS {Shadow} CASCADE; DROP SCHEMA IF EXISTS {Retired} CASCADE", cancellationToken);
        using var shadow = storeOf(Shadow);
        await shadow.Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        var model = factory.Create(live.Name);
        var position = LogPosition.Start;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
            await Checkpoint.ReadAsync(connection, Shadow, Checkpoint.Live, cancellationToken);

        if (LivePosition > LogPosition.Start)
        {
            await foreach (var page in store.SubscribeAllAsync(LogPosition.Start, cancellationToken))
            {
                var behind = page[^1].Position < LivePosition;
                if (behind)
                {
                    position = await ApplyAsync(shadow, model, page, position, cancellationToken);
                    continue;
                }

                using (await EnterAsync(cancellationToken))
                {
                    var rest = page.TakeWhile(stored => stored.Position <= LivePosition).ToList();
                    if (rest.Count == page.Count && rest[^1].Position < LivePosition)
                    {
                        position = await ApplyAsync(shadow, model, rest, position, cancellationToken);
                        continue; // The live views went on while this page was read.
                    }

                    if (rest.Count > 0)
                        await ApplyAsync(shadow, model, rest, position, cancellationToken);
                    await SwitchAsync(live, cancellationToken);
                    live.Forget();
                }

                break;
            }
        }

        await ExecuteAsync($"DELETE FROM {MartenRegistration.Schema}.checkpoints WHERE name = '{Prefix}{live.Name}'", cancellationToken);
        await ExecuteAsync($"DROP SCHEMA IF EXISTS {Shadow} CASCADE", cancellationToken);
        logger.LogInformation("Read model {Name} was replaced.", live.Name);
    }

    private async Task<LogPosition> ApplyAsync(
        IDocumentStore shadow, IReadModel model, IReadOnlyList<StoredEvent> page, LogPosition from, CancellationToken cancellationToken)
    {
        await using var transaction = await ReadModelTransaction.BeginAsync(shadow, database, Shadow, cancellationToken);
        await model.ApplyAsync([.. page.Select(codec.Decode)], transaction.Session, cancellationToken);
        await transaction.CommitAsync(Checkpoint.Live, from, page[^1].Position, 0, cancellationToken);
        return page[^1].Position;
    }

    /// <summary>The new tables take the place of the old ones, in one transaction.</summary>
    private Task SwitchAsync(IReadModel model, CancellationToken cancellationToken)
    {
        var moves = model.Tables.Select(table =>
            $"ALTER TABLE {MartenRegistration.Schema}.{table} SET SCHEMA {Retired}; ALTER TABLE {Shadow}.{table} SET SCHEMA {MartenRegistration.Schema};");
        return ExecuteAsync(
            $"BEGIN; CREATE SCHEMA {Retired}; {string.Join(' ', moves)} DROP SCHEMA {Retired} CASCADE; COMMIT", cancellationToken);
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed class Exit(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
