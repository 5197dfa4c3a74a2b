using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Auditing;

/// <inheritdoc cref="IAccessLog"/>
internal sealed class AccessLog(AuditWriter writer, IOptions<AuditOptions> options) : IAccessLog
{
    public async Task<AccessId> RecordAsync(AuditAccess access, CancellationToken cancellationToken)
    {
        var withoutApproval = options.Value.Approval == AuditOptions.None;
        var id = await writer.AppendAsync(
            StreamName.OfAuditor(access.Auditor),
            now => new AuditEvent.AuditAccessed(
                access.Auditor, access.Device, access.Call, access.Conversation, access.Matter, access.Scope,
                access.Content, withoutApproval)
            { At = now },
            new Actor(access.Auditor, access.Device), cancellationToken);
        return new AccessId(access.Auditor, id);
    }

    public Task DeliveredAsync(
        AccessId access, long entries, ReadOnlyMemory<byte> sha256, CancellationToken cancellationToken) =>
        writer.AppendAsync(
            StreamName.OfAuditor(access.Auditor),
            now => new AuditEvent.AuditDelivered(access.Value, entries, sha256) { At = now },
            new Actor(access.Auditor, null), cancellationToken);
}
