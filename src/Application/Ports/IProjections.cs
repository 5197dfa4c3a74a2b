using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>The read models, as operators see them.</summary>
public interface IProjections
{
    /// <summary>How far each is. Costs a query.</summary>
    /// <exception cref="StoreUnavailableException">The read side cannot be reached.</exception>
    Task<IReadOnlyList<ProjectionState>> StatesAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Asks for a read model to be built anew from the log's start, beside the one in use, which is replaced once the new one has caught up. Asking
    /// again before it is done changes nothing.
    /// </summary>
    /// <returns>False when there is no read model of this name.</returns>
    Task<bool> RebuildAsync(string name, CancellationToken cancellationToken);
}

/// <param name="Name">The read model's name.</param>
/// <param name="Position">Everything up to there is in it.</param>
/// <param name="LagSeconds">How old the last event was when it was applied; 0 when there is nothing to do.</param>
/// <param name="State"><c>running</c>, <c>rebuilding</c>, <c>waiting</c> (no node leads) or <c>stopped</c> (an event cannot be read).</param>
/// <param name="Detail">What is wrong, or how far the rebuild is; null for nothing.</param>
public sealed record ProjectionState(string Name, LogPosition Position, double LagSeconds, string State, string? Detail);
