using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>The read models' state and rebuilds, for operators.</summary>
public interface IProjections
{
    /// <summary>The state of each read model. Costs a query.</summary>
    /// <exception cref="StoreUnavailableException">The read side cannot be reached.</exception>
    Task<IReadOnlyList<ProjectionState>> StatesAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Requests a rebuild of a read model from the log's start, beside the one in use, which it replaces after catching
    /// up. A repeated request during a rebuild changes nothing.
    /// </summary>
    /// <returns>False if there is no read model of this name.</returns>
    Task<bool> RebuildAsync(string name, CancellationToken cancellationToken);
}

/// <param name="Position">The checkpoint: all events up to it are applied.</param>
/// <param name="LagSeconds">The age of the last event when it was applied; 0 if caught up.</param>
/// <param name="State">
/// <c>running</c>, <c>rebuilding</c>, <c>waiting</c> (no node leads) or <c>stopped</c> (an event cannot be read).
/// </param>
/// <param name="Detail">The error, or the rebuild's progress; null for neither.</param>
/// <summary>The state of one read model.</summary>
public sealed record ProjectionState(
    string Name, LogPosition Position, double LagSeconds, string State, string? Detail);
