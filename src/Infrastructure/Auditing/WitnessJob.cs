using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Has new checkpoints cosigned, on the node that leads the projections. Batches do not wait for it, however slow a
/// witness is. It looks for a new checkpoint every <see cref="LookEvery"/>.
/// </summary>
internal sealed class WitnessJob : BackgroundService
{
    /// <summary>How often it looks for new checkpoints, and for witnesses that are due again.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    private readonly Witnesses _witnesses;
    private readonly ReadSide _readSide;
    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _clock;
    private readonly ILogger<WitnessJob> _logger;
    private long _waitingSince = -1; // A timestamp; -1 while nothing waits.

    public WitnessJob(
        Witnesses witnesses, ReadSide readSide, NpgsqlDataSource database, TimeProvider clock,
        ILogger<WitnessJob> logger)
    {
        (_witnesses, _readSide, _database, _clock, _logger) = (witnesses, readSide, database, clock, logger);
        if (_witnesses.Any)
        {
            Telemetry.Meter.CreateObservableGauge(
                "chat.audit.unpublished", Waiting, "s",
                "How long checkpoints have waited for witnesses on the leading node, with Audit:Quorum.");
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (_witnesses.Any && !stoppingToken.IsCancellationRequested)
        {
            if (_readSide.Leads)
                await RunAsync(stoppingToken);
            else
                Note(isPublished: true);
            await Task.Delay(LookEvery, _clock, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var published = await Task.WhenAll(
                _witnesses.CosignAsync(new EntryLog(EntryLog.Heads, _database), cancellationToken),
                _witnesses.CosignAsync(new EntryLog(EntryLog.Keys, _database), cancellationToken));
            Note(published.All(one => one));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The node stops.
        }
        catch (Exception exception) when (exception is MirrorUnavailableException or AuditHaltedException)
        {
            _logger.LogWarning("Checkpoints wait for the mirror: {Reason}", exception.Message);
        }
        catch (Exception exception)
            when (exception is StoreUnavailableException || PostgresErrors.IsUnavailable(exception))
        {
            _logger.LogWarning("Witnesses wait for the database: {Reason}", exception.Message);
        }
        catch (Exception exception)
        {
            _logger.LogError(exception, "Checkpoints could not be cosigned.");
        }
    }

    private void Note(bool isPublished)
    {
        if (isPublished)
            Volatile.Write(ref _waitingSince, -1);
        else
            Interlocked.CompareExchange(ref _waitingSince, _clock.GetTimestamp(), -1);
    }

    private double Waiting() => Volatile.Read(ref _waitingSince) is >= 0 and var since
        ? _clock.GetElapsedTime(since).TotalSeconds
        : 0;
}
