namespace ChatCqrs.Application.Ports;

/// <summary>
/// The incarnation of the log: a UUID that an operator renews after the log has lost entries that were acknowledged, by
/// a fail-over or a restore (docs/adr/0007). Clients that know another one drop what they have beyond the log's end.
/// </summary>
public interface ILogIncarnation
{
    /// <summary>As this node read it last.</summary>
    Guid Current { get; }

    /// <summary>Reads it, and sets <see cref="Current"/>.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be reached.</exception>
    Task<Guid> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Renews it, for all nodes. Each notices within a few seconds.</summary>
    /// <returns>The new one.</returns>
    /// <exception cref="StoreUnavailableException">The database cannot be reached.</exception>
    Task<Guid> RenewAsync(CancellationToken cancellationToken);
}
