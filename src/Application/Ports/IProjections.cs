using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>The read models' state and rebuilds, for operators.</summary>
public interface IProjections
{
    /// <summary>The state of each read model. Costs a query.</summary>
    /// <exception cref="StoreUnavailableException">The read side cannot be reached.</exception>
    Task<IReadOnlyList<ProjectionState>> StatesAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The streams whose views end before an event that could not be read or folded. Costs a query.
    /// </summary>
    /// <param name="limit">How many of them to describe at most, the oldest first.</param>
    /// <exception cref="StoreUnavailableException">The read side cannot be reached.</exception>
    Task<StreamsSetAside> SetAsideAsync(int limit, CancellationToken cancellationToken);

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
/// <c>running</c>, <c>rebuilding</c>, <c>waiting</c> (no node leads) or <c>stopped</c> (this node leads, and cannot go
/// on).
/// </param>
/// <param name="Detail">The error, or the rebuild's progress; null for neither.</param>
/// <summary>The state of one read model.</summary>
public sealed record ProjectionState(
    string Name, LogPosition Position, double LagSeconds, string State, string? Detail);

/// <summary>The streams whose views end early.</summary>
/// <param name="Count">All of them.</param>
/// <param name="First">Some of them, the oldest first.</param>
public sealed record StreamsSetAside(long Count, IReadOnlyList<StreamSetAside> First);

/// <summary>A stream whose views end before an event.</summary>
/// <param name="Revision">The event's revision; the views hold the stream before it.</param>
/// <param name="Position">The event's position in the log.</param>
/// <param name="EventId">The event's id.</param>
/// <param name="Type">The event's wire name.</param>
/// <param name="Reason">Why it could not be read or folded; for operators, without contents.</param>
/// <param name="Since">When it was set aside.</param>
/// <param name="Projections">The read models that leave it out.</param>
public sealed record StreamSetAside(
    string Stream, long Revision, LogPosition Position, Guid EventId, string Type, string Reason, DateTimeOffset Since,
    IReadOnlyList<string> Projections);
