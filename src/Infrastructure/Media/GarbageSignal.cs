using ChatCqrs.Application.Media;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Media;

/// <summary>Says that there may be bytes that nothing refers to.</summary>
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
            // It is raised already.
        }
    }

    public Task WaitAsync(CancellationToken cancellationToken) => _raised.WaitAsync(cancellationToken);
}

/// <summary>
/// Clears such bytes away shortly after the upload that left them: not within it, since how long an upload takes must not tell whether its bytes were here
/// before. What is missed is left to the recurring collection.
/// </summary>
internal sealed class GarbageCleaner(GarbageSignal signal, MediaGarbage garbage, ILogger<GarbageCleaner> logger) : BackgroundService
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
                logger.LogWarning("Bytes that nothing refers to stay until the next collection: {Reason}", exception.Message);
            }
        }
    }
}
