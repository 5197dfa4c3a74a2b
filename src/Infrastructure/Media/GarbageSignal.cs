using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Media;

/// <summary>A signal that there may be unreferenced bytes; raised twice, it wakes once.</summary>
internal sealed class GarbageSignal
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

    public Task WaitAsync(CancellationToken cancellationToken) => _raised.WaitAsync(cancellationToken);
}

/// <summary>
/// Deletes unreferenced bytes shortly after the upload that left them. Not during the upload: its duration must not
/// reveal whether the same bytes were stored before. The recurring collection deletes what is missed here.
/// </summary>
internal sealed class GarbageCleaner(GarbageSignal signal, MediaGarbage garbage, ILogger<GarbageCleaner> logger)
    : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await signal.WaitAsync(stoppingToken);
                await Task.Delay(Pause, stoppingToken);
                await garbage.ClearAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is StoreUnavailableException or IOException)
            {
                logger.LogWarning(
                    "Unreferenced bytes stay until the next collection: {Reason}", exception.Message);
            }
        }
    }
}
