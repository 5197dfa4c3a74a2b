using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Infrastructure.Serialization;

// The wire form of events about the audit; the rules are those of EventPayloads.cs.

internal sealed record AuditAccessedV1(
    Guid Auditor, Guid Device, string Call, bool Content, Guid? Conversation = null, Guid? Matter = null,
    string? Scope = null, bool? WithoutApproval = null)
{
    public static AuditAccessedV1 Of(AuditEvent.AuditAccessed e) => new(
        e.Auditor.Value, e.Device.Value, e.Call, e.Content, e.Conversation?.Value, e.Matter?.Value, e.Scope,
        e.WithoutApproval ? true : null);

    public AuditEvent ToDomain(DateTimeOffset at) => new AuditEvent.AuditAccessed(
        new(Auditor), new(Device), Call, Conversation is { } conversation ? new ConversationId(conversation) : null,
        Matter is { } matter ? new MatterId(matter) : null, Scope, Content, WithoutApproval is true)
    { At = at };
}

internal sealed record AuditDeliveredV1(Guid Access, long Entries, ReadOnlyMemory<byte> Sha256)
{
    public static AuditDeliveredV1 Of(AuditEvent.AuditDelivered e) => new(e.Access, e.Entries, e.Sha256);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.AuditDelivered(Access, Entries, Sha256) { At = at };
}

internal sealed record MatterRequestedV1(
    Guid Matter, Guid By, string Title, string Reason, bool Content, DateTimeOffset Until,
    IReadOnlyList<Guid>? Conversations = null, IReadOnlyList<Guid>? Users = null, DateTimeOffset? From = null,
    DateTimeOffset? To = null)
{
    public static MatterRequestedV1 Of(AuditEvent.MatterRequested e) => new(
        e.Matter.Value, e.By.Value, e.Title, e.Reason, e.Content, e.Until, ScopePayload.ConversationsOf(e.Scope),
        ScopePayload.UsersOf(e.Scope), e.Scope.From, e.Scope.To);

    public AuditEvent ToDomain(DateTimeOffset at) => new AuditEvent.MatterRequested(
        new(Matter), new(By), Title, Reason, ScopePayload.ToDomain(Conversations, Users, From, To), Content, Until)
    { At = at };
}

internal sealed record MatterApprovedV1(Guid Matter, Guid? By = null)
{
    public static MatterApprovedV1 Of(AuditEvent.MatterApproved e) => new(e.Matter.Value, e.By?.Value);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.MatterApproved(new(Matter), By is { } by ? new UserId(by) : null) { At = at };
}

internal sealed record MatterRefusedV1(Guid Matter, Guid By)
{
    public static MatterRefusedV1 Of(AuditEvent.MatterRefused e) => new(e.Matter.Value, e.By.Value);

    public AuditEvent ToDomain(DateTimeOffset at) => new AuditEvent.MatterRefused(new(Matter), new(By)) { At = at };
}

internal sealed record MatterEndedV1(Guid Matter)
{
    public static MatterEndedV1 Of(AuditEvent.MatterEnded e) => new(e.Matter.Value);

    public AuditEvent ToDomain(DateTimeOffset at) => new AuditEvent.MatterEnded(new(Matter)) { At = at };
}

internal sealed record HoldPlacedV1(
    Guid Hold, Guid By, string Reason, DateTimeOffset ReviewAt, Guid? Matter = null,
    IReadOnlyList<Guid>? Conversations = null, IReadOnlyList<Guid>? Users = null, DateTimeOffset? From = null,
    DateTimeOffset? To = null)
{
    public static HoldPlacedV1 Of(AuditEvent.HoldPlaced e) => new(
        e.Hold.Value, e.By.Value, e.Reason, e.ReviewAt, e.Matter?.Value, ScopePayload.ConversationsOf(e.Scope),
        ScopePayload.UsersOf(e.Scope), e.Scope.From, e.Scope.To);

    public AuditEvent ToDomain(DateTimeOffset at) => new AuditEvent.HoldPlaced(
        new(Hold), new(By), Matter is { } matter ? new MatterId(matter) : null,
        ScopePayload.ToDomain(Conversations, Users, From, To), Reason, ReviewAt)
    { At = at };
}

internal sealed record HoldApprovedV1(Guid Hold, Guid? By = null)
{
    public static HoldApprovedV1 Of(AuditEvent.HoldApproved e) => new(e.Hold.Value, e.By?.Value);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.HoldApproved(new(Hold), By is { } by ? new UserId(by) : null) { At = at };
}

internal sealed record HoldRefusedV1(Guid Hold, Guid By)
{
    public static HoldRefusedV1 Of(AuditEvent.HoldRefused e) => new(e.Hold.Value, e.By.Value);

    public AuditEvent ToDomain(DateTimeOffset at) => new AuditEvent.HoldRefused(new(Hold), new(By)) { At = at };
}

internal sealed record HoldReleasedV1(Guid Hold, Guid By)
{
    public static HoldReleasedV1 Of(AuditEvent.HoldReleased e) => new(e.Hold.Value, e.By.Value);

    public AuditEvent ToDomain(DateTimeOffset at) => new AuditEvent.HoldReleased(new(Hold), new(By)) { At = at };
}

internal sealed record AccessRolesV1(
    IReadOnlyList<string> Admins, IReadOnlyList<string> Auditors, IReadOnlyList<string> Compliance,
    bool? WithoutApproval = null)
{
    public static AccessRolesV1 Of(AuditEvent.AccessRolesSet e) =>
        new(e.Admins, e.Auditors, e.Compliance, e.WithoutApproval ? true : null);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.AccessRolesSet(Admins, Auditors, Compliance, WithoutApproval is true) { At = at };
}

internal sealed record LogVerifiedV1(long FirstBatch, long LastBatch, IReadOnlyList<long> Differing)
{
    public static LogVerifiedV1 Of(AuditEvent.LogVerified e) => new(e.FirstBatch, e.LastBatch, e.Differing);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.LogVerified(FirstBatch, LastBatch, Differing) { At = at };
}

internal sealed record LogRecoveredV1(
    Guid By, string How, long Heads, long HeadsPublished, long Keys, long KeysPublished)
{
    public static LogRecoveredV1 Of(AuditEvent.LogRecovered e) =>
        new(e.By.Value, e.How, e.Heads, e.HeadsPublished, e.Keys, e.KeysPublished);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.LogRecovered(new(By), How, Heads, HeadsPublished, Keys, KeysPublished) { At = at };
}

internal sealed record ErasureLimitedV1(Guid User, IReadOnlyList<Guid> Holds)
{
    public static ErasureLimitedV1 Of(AuditEvent.ErasureLimited e) =>
        new(e.User.Value, [.. e.Holds.Select(hold => hold.Value)]);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.ErasureLimited(new(User), [.. Holds.Select(hold => new HoldId(hold))]) { At = at };
}

internal sealed record StreamTruncatedV1(string Stream, long Before, ReadOnlyMemory<byte> Hash, string Reason)
{
    public static StreamTruncatedV1 Of(AuditEvent.StreamTruncated e) => new(e.Stream, e.Before, e.Hash, e.Reason);

    public AuditEvent ToDomain(DateTimeOffset at) =>
        new AuditEvent.StreamTruncated(Stream, Before, Hash, Reason) { At = at };
}

/// <summary>The fields of a scope, which stand among those of its event. An empty list is left out.</summary>
internal static class ScopePayload
{
    public static IReadOnlyList<Guid>? ConversationsOf(AuditScope scope) =>
        scope.Conversations.Count == 0 ? null : [.. scope.Conversations.Select(id => id.Value)];

    public static IReadOnlyList<Guid>? UsersOf(AuditScope scope) =>
        scope.Users.Count == 0 ? null : [.. scope.Users.Select(id => id.Value)];

    public static AuditScope ToDomain(
        IReadOnlyList<Guid>? conversations, IReadOnlyList<Guid>? users, DateTimeOffset? from, DateTimeOffset? to) =>
        new(
        [.. (conversations ?? []).Select(id => new ConversationId(id))],
        [.. (users ?? []).Select(id => new UserId(id))], from, to);
}
