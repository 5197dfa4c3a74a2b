using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>The read models' progress.</summary>
public interface IReadSide
{
    /// <summary>The latest position known to be applied, read from memory.</summary>
    LogPosition Position { get; }

    /// <summary>
    /// Whether the views of a conversation end before an event that could not be read or folded, though the read models
    /// are further. Then they do not say what was never sent.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The read side cannot be reached.</exception>
    Task<bool> EndsEarlyAsync(ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>Waits until the read models have applied everything up to a position.</summary>
    /// <returns>False on timeout.</returns>
    /// <exception cref="StoreUnavailableException">The read side cannot be reached.</exception>
    Task<bool> WaitForAsync(LogPosition position, TimeSpan timeout, CancellationToken cancellationToken);
}
