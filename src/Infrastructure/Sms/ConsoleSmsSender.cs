using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Infrastructure.Sms;

/// <summary>Development's sender: says that a code would have gone out. The code itself is in the registration's answer, never in the log.</summary>
internal sealed class ConsoleSmsSender(ILogger<ConsoleSmsSender> logger) : ISmsSender
{
    public Task SendCodeAsync(Guid registration, string phone, string code, CancellationToken cancellationToken)
    {
        logger.LogInformation("A code was sent for registration {Registration}.", registration);
        return Task.CompletedTask;
    }
}
