using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <inheritdoc cref="IMatters"/>
internal sealed class Matters : IMatters
{
    /// <remarks>There is no call yet that asks for a matter, so every id is unknown.</remarks>
    public Task<OpenedMatter> OpenAsync(
        MatterId matter, ConversationId? conversation, UserId auditor, CancellationToken cancellationToken) =>
        throw new RefusedException(Refusal.MatterUnknown);
}
