using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Recovers the published entries of the signed logs after a database restore. Members throw
/// <see cref="StoreUnavailableException"/> if the database or the mirror cannot be reached.
/// </summary>
public interface IAuditRecovery
{
    /// <summary>What has to be done, without doing it.</summary>
    /// <exception cref="RefusedException">It cannot be done as things are.</exception>
    Task<RecoveryPlan> PlanAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Does it. Each log is one transaction, which fails where the log has changed since the plan was made.
    /// </summary>
    /// <returns>False if a log has changed: plan anew.</returns>
    /// <exception cref="RefusedException">What the mirror has is not what was signed; nothing was changed.</exception>
    Task<bool> RunAsync(RecoveryPlan plan, CancellationToken cancellationToken);

    /// <summary>The logs as they are.</summary>
    Task<(RecoveredLog Heads, RecoveredLog Keys)> LogsAsync(CancellationToken cancellationToken);
}

/// <summary>What a recovery has to do.</summary>
public enum RecoveryKind
{
    /// <summary>Nothing: the database has all that was published.</summary>
    None,

    /// <summary>Import from the mirror what is missing.</summary>
    Restored,

    /// <summary>Begin new logs, whose first entries hold the last known checkpoints of the old ones.</summary>
    Continued,
}

/// <summary>What a recovery has to do.</summary>
/// <param name="Heads">The log of heads.</param>
/// <param name="Keys">The log of keys.</param>
public sealed record RecoveryPlan(RecoveryKind Kind, PlannedLog Heads, PlannedLog Keys);

/// <summary>One log of a plan.</summary>
/// <param name="Size">Its entries in the database; 0 where it has none.</param>
/// <param name="Published">The entries that are known to have been published.</param>
/// <param name="Note">The last known checkpoint, a signed note; null where nothing has to be done.</param>
public sealed record PlannedLog(long Size, long Published, string? Note);

/// <summary>A log.</summary>
/// <param name="Origin">Its name; null where it does not exist.</param>
/// <param name="Size">Its entries.</param>
public sealed record RecoveredLog(string? Origin, long Size);
