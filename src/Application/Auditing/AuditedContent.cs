using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <inheritdoc cref="IAuditedContent"/>
internal sealed class AuditedContent(IContentSealer sealer, IHeld held, ISentMessages messages) : IAuditedContent
{
    public async ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        SealScope scope, SealedContent content, CancellationToken cancellationToken)
    {
        if (await sealer.OpenAsync(scope, content, cancellationToken) is { } open)
            return open;
        var holds = await HoldsOfAsync(scope, cancellationToken);
        return holds.Count == 0 ? null : await held.OpenAsync(holds, scope, content, cancellationToken);
    }

    /// <summary>
    /// The holds that cover a message. What its owner wrote in the conversation, and what expires together, shares a
    /// key: a message of the same day outside of the hold's time stays closed.
    /// </summary>
    private async Task<IReadOnlyList<HoldId>> HoldsOfAsync(SealScope scope, CancellationToken cancellationToken)
    {
        var scopes = await held.ScopesAsync(cancellationToken);
        if (scopes.Count == 0)
            return [];
        if (scope is not { Message: { } message, Conversation: { } conversation })
            return [.. scopes.Select(item => item.Hold)];
        var sent = (await messages.FindAsync([(scope.Owner, message)], conversation, cancellationToken))
            .Where(item => item.Sender == scope.Owner && item.Conversation == conversation)
            .Select(item => item.SentAt).ToList();
        return [.. scopes.Where(item => sent.Exists(item.Scope.Covers)).Select(item => item.Hold)];
    }
}
