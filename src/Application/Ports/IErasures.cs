using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>Which erasures of accounts were asked for and are not known to be finished, over all nodes.</summary>
public interface IErasures
{
    /// <summary>Notes durably that a user is to be erased. Asked again, the first time counts.</summary>
    Task RequestAsync(UserId user, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Those that are not finished, oldest first.</summary>
    Task<IReadOnlyList<PendingErasure>> PendingAsync(int limit, CancellationToken cancellationToken);

    /// <summary>Nothing is left to do for a user.</summary>
    Task FinishAsync(UserId user, CancellationToken cancellationToken);
}

/// <param name="RequestedAt">When it was asked for first.</param>
public sealed record PendingErasure(UserId User, DateTimeOffset RequestedAt);

/// <summary>
/// Erases one kind of thing that is held about a user. Steps run one after another, in the order in which they are registered, and again and again until all are
/// done and have been for a while: so a step may break off anywhere, and repeating it is no error.
/// </summary>
public interface IErasureStep
{
    /// <returns>False when something may be left that cannot be seen yet; the step is repeated later.</returns>
    Task<bool> RunAsync(UserId user, CancellationToken cancellationToken);
}
