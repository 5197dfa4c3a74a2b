using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <inheritdoc cref="IAuditedContent"/>
/// <remarks>
/// What an author wrote in a conversation, and what expires together, shares a key. So a key in escrow opens nothing
/// that was sent outside of its hold's time.
/// </remarks>
internal sealed class AuditedContent(IContentSealer sealer, IHeld held) : IAuditedContent
{
    public async ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        SealScope scope, SealedContent content, DateTimeOffset sentAt, CancellationToken cancellationToken)
    {
        if (await sealer.OpenAsync(scope, content, cancellationToken) is { } open)
            return open;
        var holds = (await held.ScopesAsync(cancellationToken))
            .Where(hold => hold.Scope.Covers(sentAt)).Select(hold => hold.Hold).ToList();
        return holds.Count == 0 ? null : await held.OpenAsync(holds, scope, content, cancellationToken);
    }
}
