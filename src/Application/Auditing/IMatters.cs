using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <summary>A matter that is open: approved, and its time is not over.</summary>
/// <param name="From">The first moment of what it opens, inclusive, UTC; null for no bound.</param>
/// <param name="To">The last moment of what it opens, inclusive, UTC; null for no bound.</param>
/// <param name="Content">Whether it opens content, and not only what is around it.</param>
public sealed record OpenedMatter(MatterId Id, DateTimeOffset? From, DateTimeOffset? To, bool Content)
{
    /// <summary>Whether the content of an entry of that time may be opened.</summary>
    public bool Covers(DateTimeOffset at) => Content && !(at < From) && !(at > To);
}

/// <summary>The matters within which auditors open content.</summary>
public interface IMatters
{
    /// <summary>Opens a matter for a call, as the log says now.</summary>
    /// <param name="auditor">Who looks. An open matter serves every auditor, not only who asked for it.</param>
    /// <param name="conversation">What the call shows; null for several conversations or none.</param>
    /// <exception cref="RefusedException">
    /// <see cref="Refusal.MatterUnknown"/>, <see cref="Refusal.MatterPending"/>, <see cref="Refusal.MatterEnded"/>,
    /// <see cref="Refusal.MatterScope"/>.
    /// </exception>
    /// <exception cref="Ports.StoreUnavailableException">The log cannot be reached.</exception>
    Task<OpenedMatter> OpenAsync(
        MatterId matter, ConversationId? conversation, UserId auditor, CancellationToken cancellationToken);
}
