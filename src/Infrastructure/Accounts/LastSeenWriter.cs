using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>Stores every five seconds when devices were last seen, in one statement.</summary>
internal sealed class LastSeenWriter(
    PostgresDeviceSessions sessions, TimeProvider clock, ILogger<LastSeenWriter> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await WriteAsync(stoppingToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteAsync(cancellationToken);
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await sessions.WriteSeenAsync(cancellationToken);
        }
        catch (StoreUnavailableException exception)
        {
            logger.LogDebug("The last-seen times of devices are stored later: {Reason}", exception.Message);
        }
    }
}
