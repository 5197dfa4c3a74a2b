using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Ports;

/// <summary>Who looked at what, and the matters and holds, from the read models.</summary>
public interface IAuditViews
{
    /// <summary>Accesses, the latest first.</summary>
    /// <param name="after">The last one of the page before; null for the first page.</param>
    Task<IReadOnlyList<AccessRow>> AccessesAsync(
        AccessFilter filter, AuditPlace? after, int limit, CancellationToken cancellationToken);

    /// <summary>Those who have looked at any of some conversations by a call that names it, in any order.</summary>
    Task<IReadOnlyList<UserId>> AuditorsOfAsync(
        IReadOnlyCollection<ConversationId> conversations, CancellationToken cancellationToken);

    /// <summary>Matters, the latest first.</summary>
    /// <param name="after">The last one of the page before; null for the first page.</param>
    Task<IReadOnlyList<Matter>> MattersAsync(
        AuditPlace? after, int limit, CancellationToken cancellationToken);

    /// <summary>Matters whose time is over, and whose end is not noted.</summary>
    Task<IReadOnlyList<MatterId>> EndedMattersAsync(
        DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>Holds, the latest first.</summary>
    /// <param name="after">The last one of the page before; null for the first page.</param>
    Task<IReadOnlyList<Hold>> HoldsAsync(
        AuditPlace? after, int limit, CancellationToken cancellationToken);

    /// <summary>Whether one of the users belongs to a conversation, or ever belonged to it.</summary>
    Task<bool> WasAnyMemberAsync(
        ConversationId conversation, IReadOnlyCollection<UserId> users, CancellationToken cancellationToken);
}

/// <summary>Which accesses are asked for; null for no bound.</summary>
public sealed record AccessFilter(UserId? Auditor, DateTimeOffset? From, DateTimeOffset? To);

/// <summary>One access.</summary>
/// <param name="Id">The event id of its <c>audit-accessed.v1</c>.</param>
/// <param name="DeliveredAt">When the answer had ended; null where that is not known.</param>
/// <param name="Sha256">The hash of the answer; null where it is not known.</param>
public sealed record AccessRow(
    Guid Id, DateTimeOffset At, Guid Auditor, Guid Device, string Call, Guid? Conversation, Guid? Matter,
    string? Scope, bool Content, bool WithoutApproval, DateTimeOffset? DeliveredAt, long Entries, byte[]? Sha256);
