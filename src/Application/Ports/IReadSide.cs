using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>How far the read models are.</summary>
public interface IReadSide
{
    /// <summary>The newest position known to be applied; reading it costs nothing.</summary>
    LogPosition Position { get; }

    /// <summary>Waits until the read models hold everything up to a position.</summary>
    /// <returns>Whether they do; false when the time ran out.</returns>
    /// <exception cref="StoreUnavailableException">The read side cannot be reached.</exception>
    Task<bool> WaitForAsync(LogPosition position, TimeSpan timeout, CancellationToken cancellationToken);
}
