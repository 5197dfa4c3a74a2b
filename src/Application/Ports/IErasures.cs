using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>The erasures of accounts that were requested and are not finished, for all nodes.</summary>
public interface IErasures
{
    /// <summary>Records a request durably. Of repeated requests the first time counts.</summary>
    Task RequestAsync(UserId user, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>The unfinished erasures, oldest first.</summary>
    /// <param name="after">The last one of the page before; null for the first page.</param>
    /// <param name="limit">The most erasures to return.</param>
    Task<IReadOnlyList<PendingErasure>> PendingAsync(
        PendingErasure? after, int limit, CancellationToken cancellationToken);

    /// <summary>Marks a user's erasure as finished.</summary>
    Task FinishAsync(UserId user, CancellationToken cancellationToken);
}

/// <param name="RequestedAt">Time of the first request, UTC.</param>
/// <summary>An unfinished erasure.</summary>
public sealed record PendingErasure(UserId User, DateTimeOffset RequestedAt);

/// <summary>
/// Erases one kind of data about a user. Steps run in order of registration, and are repeated until all report
/// completion for a while. So a step may fail anywhere, and must be repeatable.
/// </summary>
public interface IErasureStep
{
    /// <returns>False if data may be left that is not visible yet; the step is repeated later.</returns>
    Task<bool> RunAsync(UserId user, CancellationToken cancellationToken);
}
