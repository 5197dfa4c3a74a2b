using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <inheritdoc cref="IAuditedContent"/>
internal sealed class AuditedContent(IContentSealer sealer) : IAuditedContent
{
    public ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        SealScope scope, SealedContent content, CancellationToken cancellationToken) =>
        sealer.OpenAsync(scope, content, cancellationToken);
}
