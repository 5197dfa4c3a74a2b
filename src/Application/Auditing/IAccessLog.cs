using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <summary>A call by which an auditor looks at something.</summary>
/// <param name="Call">The name of the call, such as <c>state</c>.</param>
/// <param name="Conversation">Null for a call that shows several conversations or none.</param>
/// <param name="Matter">The matter that the call names; null for none.</param>
/// <param name="Scope">What the call asks for, as its query says; null for nothing.</param>
/// <param name="Content">Whether content is opened.</param>
public sealed record AuditAccess(
    UserId Auditor, DeviceId Device, string Call, ConversationId? Conversation, MatterId? Matter, string? Scope,
    bool Content);

/// <summary>A recorded access.</summary>
/// <param name="Value">The event id of its <c>audit-accessed.v1</c>.</param>
public readonly record struct AccessId(UserId Auditor, Guid Value);

/// <summary>Records who looks at what, in a stream of each auditor. There is no answer without its event.</summary>
public interface IAccessLog
{
    /// <summary>Records an access. On return it is durable; only then may anything be answered.</summary>
    /// <exception cref="Ports.StoreUnavailableException">The log is out of reach: nothing may be answered.</exception>
    Task<AccessId> RecordAsync(AuditAccess access, CancellationToken cancellationToken);

    /// <summary>Records what was answered, also of an answer that was cut off.</summary>
    /// <param name="entries">How many things were answered, as the call counts them.</param>
    /// <param name="sha256">SHA-256 of the bytes that were written.</param>
    /// <exception cref="Ports.StoreUnavailableException">The log cannot be reached.</exception>
    Task DeliveredAsync(
        AccessId access, long entries, ReadOnlyMemory<byte> sha256, CancellationToken cancellationToken);
}
