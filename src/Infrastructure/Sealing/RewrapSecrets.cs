using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// After a change of <c>Sealing:CurrentKey</c>, wraps every secret under the new key and logs when the old keys are
/// obsolete.
/// </summary>
internal sealed class RewrapSecrets(Secrets secrets, TimeProvider clock, ILogger<RewrapSecrets> logger)
    : BackgroundService
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                var count = await secrets.RewrapAsync(stoppingToken);
                if (count > 0)
                {
                    logger.LogInformation(
                        "Wrapped {Count} secrets under the current master key; the others are not needed any more.",
                        count);
                }

                return;
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogWarning("Rewrapping of secrets is delayed: {Reason}", exception.Message);
                await Task.Delay(RetryEvery, clock, stoppingToken);
            }
        }
    }
}
