using System.Runtime.ExceptionServices;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Sweeping;

/// <summary>
/// The parts of one sweep: one that fails does not hold up the next ones, and fails the sweep in the end. A store that
/// cannot be reached ends the sweep at once.
/// </summary>
internal sealed class SweepParts(ILogger logger)
{
    private ExceptionDispatchInfo? _failure;

    /// <returns>What the part counts; 0 if it failed.</returns>
    public async Task<int> RunAsync(string name, Func<Task<int>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception exception) when (exception is not (StoreUnavailableException or OperationCanceledException))
        {
            logger.LogError(exception, "A part of the sweep failed and is tried again by the next one: {Part}.", name);
            _failure ??= ExceptionDispatchInfo.Capture(exception);
            return 0;
        }
    }

    /// <summary>Throws the first failure.</summary>
    public void ThrowFailure() => _failure?.Throw();
}
