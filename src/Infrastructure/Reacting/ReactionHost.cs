using JasperFx.CodeGeneration;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Wolverine;
using Wolverine.ErrorHandling;
using Wolverine.Postgresql;
using Wolverine.RDBMS;
using Wolverine.Runtime;

namespace ChatCqrs.Infrastructure.Reacting;

/// <summary>A signal that a user may have subscribed to push; raised twice, it wakes once.</summary>
internal sealed class ReactionSignal
{
    private readonly SemaphoreSlim _raised = new(0, 1);

    public void Raise()
    {
        try
        {
            _raised.Release();
        }
        catch (SemaphoreFullException)
        {
            // Raised already.
        }
    }

    /// <returns>False if the signal was not raised in time.</returns>
    public Task<bool> WaitAsync(TimeSpan patience, CancellationToken cancellationToken) =>
        _raised.WaitAsync(patience, cancellationToken);
}

/// <summary>
/// Wolverine, for messages that must follow from recorded events. Its durable inbox stores a message in the caller's
/// transaction; when the message is due, a node hands it to its handler, again and again for some minutes while the
/// handler fails. Wolverine runs as a host of its own, which starts with the first push subscription. Nobody waits for
/// it: while it does not run, or cannot start, messages are not stored.
/// </summary>
internal sealed class ReactionHost(
    IServiceProvider services, NpgsqlDataSource database, NpgsqlConnectionStringBuilder connection,
    ReactionSignal signal, ILoggerFactory loggers)
    : BackgroundService
{
    /// <summary>The schema of Wolverine's own tables.</summary>
    public const string Schema = "wolverine";

    private const string Queue = "wake-ups";
    private const int ConnectionsMax = 8;

    /// <summary>Messages that one statement stores.</summary>
    private const int StoredAtOnce = 500;

    /// <summary>How often the table is checked for subscriptions that were made on other nodes.</summary>
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan DuePolling = TimeSpan.FromSeconds(1);

    /// <summary>After this time without a heartbeat of a node, others take over its messages.</summary>
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The waits after failed attempts, four minutes together. A message that fails once more is set aside in
    /// Wolverine's table of dead letters.
    /// </summary>
    internal static readonly TimeSpan[] Retries =
        [.. Enumerable.Range(0, 8).Select(attempt => TimeSpan.FromSeconds(Math.Pow(2, attempt)))];

    /// <summary>How long a message that was set aside stays, for operators.</summary>
    private static readonly TimeSpan DeadLettersFor = TimeSpan.FromDays(3);

    private const string Savepoint = "reactions";

    private readonly ILogger _logger = loggers.CreateLogger<ReactionHost>();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile IHost? _host;
    private bool _stopped;

    /// <summary>Whether Wolverine runs on this node.</summary>
    public bool IsRunning => _host is not null;

    /// <summary>Stores messages in a transaction, to be handled after its commit.</summary>
    /// <param name="due">The earliest time to handle them.</param>
    /// <returns>False if Wolverine does not run, or cannot store them; the transaction is as it was before.</returns>
    public async Task<bool> TryStoreAsync(
        NpgsqlTransaction transaction, IEnumerable<object> messages, DateTimeOffset due,
        CancellationToken cancellationToken)
    {
        if (_host is not { } host)
        {
            signal.Raise();
            return false;
        }

        await transaction.SaveAsync(Savepoint, cancellationToken);
        try
        {
            await StoreAsync(host, transaction, messages, due);
            await transaction.ReleaseAsync(Savepoint, cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            await transaction.RollbackAsync(Savepoint, cancellationToken); // Throws where the connection is lost.
            _logger.LogError(exception, "Reactions cannot be stored. They are stored later.");
            return false;
        }
    }

    private static async Task StoreAsync(
        IHost host, NpgsqlTransaction transaction, IEnumerable<object> messages, DateTimeOffset due)
    {
        var runtime = host.Services.GetRequiredService<IWolverineRuntime>();
        var serializer = runtime.Options.DefaultSerializer;
        var envelopes = messages.Select(message => new Envelope(message)
        {
            Destination = new Uri($"local://{Queue}"),
            Serializer = serializer,
            ContentType = serializer.ContentType,
            Status = EnvelopeStatus.Scheduled,
            ScheduledTime = due,
            OwnerId = 0, // Any node.
        });
        foreach (var some in envelopes.Chunk(StoredAtOnce))
            await ((IMessageDatabase)runtime.Storage).StoreIncomingAsync(transaction, some);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (_host is null && !stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await IsWantedAsync(stoppingToken))
                    await StartedAsync(stoppingToken);
                else
                    await signal.WaitAsync(CheckEvery, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                _logger.LogWarning(exception, "Wolverine cannot start. Nobody is woken by push until it does.");
                await Task.Delay(Heartbeat, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (Interlocked.Exchange(ref _stopped, true))
            return; // A host may be stopped twice.
        await _turn.WaitAsync(cancellationToken); // Not released, so that nothing starts any more.
        if (_host is { } host)
        {
            await host.StopAsync(cancellationToken);
            await ((IAsyncDisposable)host).DisposeAsync();
        }
    }

    private async Task<bool> IsWantedAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT EXISTS (SELECT FROM push_subscriptions)");
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private async ValueTask<IHost> StartedAsync(CancellationToken cancellationToken)
    {
        if (_host is { } started)
            return started;
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_host is { } other)
                return other;
            var host = Build();
            try
            {
                await host.StartAsync(cancellationToken);
            }
            catch
            {
                await ((IAsyncDisposable)host).DisposeAsync();
                throw;
            }

            return _host = host;
        }
        finally
        {
            _turn.Release();
        }
    }

    private IHost Build()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.Replace(ServiceDescriptor.Singleton(loggers));
        builder.Services.AddWolverine(ExtensionDiscovery.ManualOnly, options =>
        {
            options.ApplicationAssembly = typeof(ReactionHost).Assembly;
            options.Discovery.DisableConventionalDiscovery();
            options.CodeGeneration.TypeLoadMode = TypeLoadMode.Static; // Nothing is compiled at run time.
            options.AddMessageHandler(new WakeUpHandler(services.GetRequiredService<IMediator>()));
            options.LocalQueue(Queue).UseDurableInbox();
            options.PublishMessage<WakeUp>().ToLocalQueue(Queue);
            options.OnAnyException().ScheduleRetry(Retries).Then.MoveToErrorQueue();
            options.Durability.DeadLetterQueueExpirationEnabled = true;
            options.Durability.DeadLetterQueueExpiration = DeadLettersFor;
            options.Durability.Mode = DurabilityMode.Balanced;
            options.Durability.ScheduledJobPollingTime = DuePolling;
            options.Durability.StaleNodeTimeout = SilenceMax;
            options.Durability.HealthCheckPollingTime = Heartbeat;
            options.Durability.NodeReassignmentPollingTime = Heartbeat;
            options.PersistMessagesWithPostgresql(ConnectionString(), Schema);
        });
        return builder.Build();
    }

    private string ConnectionString() => new NpgsqlConnectionStringBuilder(connection.ConnectionString)
    {
        ApplicationName = "chatcqrs-reactions",
        SearchPath = null,
        MinPoolSize = 0,
        MaxPoolSize = ConnectionsMax,
    }.ConnectionString;
}
