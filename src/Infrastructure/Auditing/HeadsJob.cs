using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Projecting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Appends a batch every <see cref="AuditOptions.Interval"/> on the node that leads the projections; full ones follow
/// each other at once. Other nodes only compare the logs with what others know, so that each node's health tells. A
/// failure ends the run, and the next interval tries again: nothing is lost, since a batch goes on where the last one
/// ended.
/// </summary>
internal sealed class HeadsJob : BackgroundService
{
    private static readonly Histogram<double> Duration =
        Telemetry.Meter.CreateHistogram<double>("chat.audit.batch.duration", "s", "Time of making one batch of heads.");

    private static readonly Histogram<long> Heads =
        Telemetry.Meter.CreateHistogram<long>("chat.audit.batch.heads", "{head}", "Heads in one batch.");

    private readonly HeadsLog _heads;
    private readonly ReadSide _readSide;
    private readonly NpgsqlDataSource _database;
    private readonly AuditOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<HeadsJob> _logger;
    private readonly AuditPublishing _publishing;
    private bool _isPrepared;

    public HeadsJob(
        HeadsLog heads, ReadSide readSide, NpgsqlDataSource database, IOptions<AuditOptions> options,
        AuditPublishing publishing, TimeProvider clock, ILogger<HeadsJob> logger)
    {
        (_heads, _readSide, _database, _options, _publishing, _clock, _logger) =
            (heads, readSide, database, options.Value, publishing, clock, logger);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await RunAsync(stoppingToken);
            await Task.Delay(_options.Interval, _clock, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_readSide.Leads)
            {
                await AppendAsync(cancellationToken);
            }
            else
            {
                _heads.Rest();
                await _heads.CheckAsync(cancellationToken);
            }

            _publishing.Problem = null;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The node stops.
        }
        catch (AuditHaltedException exception)
        {
            _publishing.Problem =
                exception is AuditBehindException ? PublishingProblem.Behind : PublishingProblem.Halted;
            _logger.LogError("The logs of heads and keys are not signed: {Reason}", exception.Message);
        }
        catch (MirrorUnavailableException exception)
        {
            _publishing.Problem = PublishingProblem.MirrorAway;
            _logger.LogError("The logs of heads and keys are not published: {Reason}", exception.Message);
        }
        catch (Exception exception)
            when (exception is StoreUnavailableException || PostgresErrors.IsUnavailable(exception))
        {
            _logger.LogWarning("The batch of heads waits for a store: {Reason}", exception.Message);
        }
        catch (Exception exception)
        {
            _logger.LogError(exception, "The batch of heads could not be made.");
        }
    }

    private async Task AppendAsync(CancellationToken cancellationToken)
    {
        if (!_isPrepared)
            await AuditSchema.StoreExternallyAsync(_database, cancellationToken);
        _isPrepared = true;
        for (AppendedBatch? batch = null; batch is null or { IsFull: true };)
        {
            var started = Stopwatch.GetTimestamp();
            batch = await _heads.AppendAsync(cancellationToken);
            if (batch is null)
                break;
            Duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
            Heads.Record(batch.Entry.Heads);
        }
    }
}
