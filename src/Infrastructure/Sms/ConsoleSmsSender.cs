using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Sms;

/// <summary>
/// Development's sender: logs that a code would be sent. The registration's answer holds the code; the log never does.
/// </summary>
internal sealed class ConsoleSmsSender(ILogger<ConsoleSmsSender> logger) : ISmsSender
{
    public Task SendCodeAsync(Guid registration, string phone, string code, CancellationToken cancellationToken)
    {
        logger.LogInformation("A code was sent for registration {Registration}.", registration);
        return Task.CompletedTask;
    }
}
