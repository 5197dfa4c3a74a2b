using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Infrastructure.Serialization;

/// <summary>The wire format of one version of an event.</summary>
/// <param name="Name">The wire name with its version. It never changes and never disappears.</param>
/// <param name="Event">The domain's type of the event.</param>
/// <param name="Write">Serialises the payload; null for an old version that is only read.</param>
internal sealed record EventFormat(
    string Name, Type Event, Func<object, byte[]>? Write, Func<ReadOnlyMemory<byte>, DateTimeOffset, object> Read);

/// <summary>The wire names and formats of all events.</summary>
internal static class EventRegistry
{
    public static readonly IReadOnlyList<EventFormat> Formats =
    [
        Format<ConversationEvent.ConversationStarted, ConversationStartedV1>(
            "conversation-started.v1", EventJson.Default.ConversationStartedV1, ConversationStartedV1.Of,
            (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.MemberAdded, MemberAddedV1>(
            "member-added.v1", EventJson.Default.MemberAddedV1, MemberAddedV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.MemberRemoved, MemberRemovedV1>(
            "member-removed.v1", EventJson.Default.MemberRemovedV1, MemberRemovedV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.MemberLeft, MemberLeftV1>(
            "member-left.v1", EventJson.Default.MemberLeftV1, MemberLeftV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.RoleChanged, RoleChangedV1>(
            "role-changed.v1", EventJson.Default.RoleChangedV1, RoleChangedV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.GroupRenamed, GroupRenamedV1>(
            "group-renamed.v1", EventJson.Default.GroupRenamedV1, GroupRenamedV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.RetentionChanged, RetentionChangedV1>(
            "retention-changed.v1", EventJson.Default.RetentionChangedV1, RetentionChangedV1.Of,
            (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.MessageSent, MessageSentV1>(
            "message-sent.v1", EventJson.Default.MessageSentV1, MessageSentV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.MessageEdited, MessageEditedV1>(
            "message-edited.v1", EventJson.Default.MessageEditedV1, MessageEditedV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.MessageDeleted, MessageDeletedV1>(
            "message-deleted.v1", EventJson.Default.MessageDeletedV1, MessageDeletedV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.ReactionSet, ReactionSetV1>(
            "reaction-set.v1", EventJson.Default.ReactionSetV1, ReactionSetV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.ReactionCleared, ReactionClearedV1>(
            "reaction-cleared.v1", EventJson.Default.ReactionClearedV1, ReactionClearedV1.Of,
            (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.VoteSet, VoteSetV1>(
            "vote-set.v1", EventJson.Default.VoteSetV1, VoteSetV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.VoteCleared, VoteClearedV1>(
            "vote-cleared.v1", EventJson.Default.VoteClearedV1, VoteClearedV1.Of, (p, at) => p.ToDomain(at)),
        Format<ConversationEvent.MessagesExpired, MessagesExpiredV1>(
            "messages-expired.v1", EventJson.Default.MessagesExpiredV1, MessagesExpiredV1.Of,
            (p, at) => p.ToDomain(at)),
        Format<ReceiptEvent.MessageDelivered, MessageDeliveredV1>(
            "message-delivered.v1", EventJson.Default.MessageDeliveredV1, MessageDeliveredV1.Of,
            (p, at) => p.ToDomain(at)),
        Format<ReceiptEvent.MessageRead, MessageReadV1>(
            "message-read.v1", EventJson.Default.MessageReadV1, MessageReadV1.Of, (p, at) => p.ToDomain(at)),
        Format<UserEvent.UserRegistered, UserRegisteredV1>(
            "user-registered.v1", EventJson.Default.UserRegisteredV1, UserRegisteredV1.Of, (p, at) => p.ToDomain(at)),
        Format<UserEvent.ProfileChanged, ProfileChangedV1>(
            "profile-changed.v1", EventJson.Default.ProfileChangedV1, ProfileChangedV1.Of, (p, at) => p.ToDomain(at)),
        Format<UserEvent.DeviceAdded, DeviceAddedV1>(
            "device-added.v1", EventJson.Default.DeviceAddedV1, DeviceAddedV1.Of, (p, at) => p.ToDomain(at)),
        Format<UserEvent.DeviceRemoved, DeviceRemovedV1>(
            "device-removed.v1", EventJson.Default.DeviceRemovedV1, DeviceRemovedV1.Of, (p, at) => p.ToDomain(at)),
        Format<UserEvent.UserBlocked, UserBlockedV1>(
            "user-blocked.v1", EventJson.Default.UserBlockedV1, UserBlockedV1.Of, (p, at) => p.ToDomain(at)),
        Format<UserEvent.UserUnblocked, UserUnblockedV1>(
            "user-unblocked.v1", EventJson.Default.UserUnblockedV1, UserUnblockedV1.Of, (p, at) => p.ToDomain(at)),
        Format<UserEvent.ConversationSettingsChanged, ConversationSettingsChangedV1>(
            "conversation-settings-changed.v1", EventJson.Default.ConversationSettingsChangedV1,
            ConversationSettingsChangedV1.Of,
            (p, at) => p.ToDomain(at)),
        Format<UserEvent.UserErased, UserErasedV1>(
            "user-erased.v1", EventJson.Default.UserErasedV1, UserErasedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.AuditAccessed, AuditAccessedV1>(
            "audit-accessed.v1", EventJson.Default.AuditAccessedV1, AuditAccessedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.AuditDelivered, AuditDeliveredV1>(
            "audit-delivered.v1", EventJson.Default.AuditDeliveredV1, AuditDeliveredV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.MatterRequested, MatterRequestedV1>(
            "matter-requested.v1", EventJson.Default.MatterRequestedV1, MatterRequestedV1.Of,
            (p, at) => p.ToDomain(at)),
        Format<AuditEvent.MatterApproved, MatterApprovedV1>(
            "matter-approved.v1", EventJson.Default.MatterApprovedV1, MatterApprovedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.MatterRefused, MatterRefusedV1>(
            "matter-refused.v1", EventJson.Default.MatterRefusedV1, MatterRefusedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.MatterEnded, MatterEndedV1>(
            "matter-ended.v1", EventJson.Default.MatterEndedV1, MatterEndedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.HoldPlaced, HoldPlacedV1>(
            "hold-placed.v1", EventJson.Default.HoldPlacedV1, HoldPlacedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.HoldApproved, HoldApprovedV1>(
            "hold-approved.v1", EventJson.Default.HoldApprovedV1, HoldApprovedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.HoldRefused, HoldRefusedV1>(
            "hold-refused.v1", EventJson.Default.HoldRefusedV1, HoldRefusedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.HoldReleased, HoldReleasedV1>(
            "hold-released.v1", EventJson.Default.HoldReleasedV1, HoldReleasedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.AccessRolesSet, AccessRolesV1>(
            "access-roles.v1", EventJson.Default.AccessRolesV1, AccessRolesV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.LogVerified, LogVerifiedV1>(
            "log-verified.v1", EventJson.Default.LogVerifiedV1, LogVerifiedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.LogRecovered, LogRecoveredV1>(
            "log-recovered.v1", EventJson.Default.LogRecoveredV1, LogRecoveredV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.ErasureLimited, ErasureLimitedV1>(
            "erasure-limited.v1", EventJson.Default.ErasureLimitedV1, ErasureLimitedV1.Of, (p, at) => p.ToDomain(at)),
        Format<AuditEvent.StreamTruncated, StreamTruncatedV1>(
            "stream-truncated.v1", EventJson.Default.StreamTruncatedV1, StreamTruncatedV1.Of,
            (p, at) => p.ToDomain(at)),
    ];

    private static readonly Dictionary<string, EventFormat> ByName = Formats.ToDictionary(format => format.Name);

    private static readonly Dictionary<Type, EventFormat> ByEvent =
        Formats.Where(format => format.Write is not null).ToDictionary(format => format.Event);

    public static EventFormat? Find(string name) => ByName.GetValueOrDefault(name);

    public static EventFormat Of(string name) =>
        Find(name) ?? throw new FormatException($"An event of the type {name} is not known.");

    public static EventFormat Of(Type @event) =>
        ByEvent.GetValueOrDefault(@event) ?? throw new FormatException($"The event {@event.Name} has no wire name.");

    private static EventFormat Format<TEvent, TPayload>(
        string name, JsonTypeInfo<TPayload> json, Func<TEvent, TPayload> of,
        Func<TPayload, DateTimeOffset, object> toDomain) => new(
        name, typeof(TEvent),
        @event => JsonSerializer.SerializeToUtf8Bytes(of((TEvent)@event), json),
        (bytes, at) => toDomain(
            JsonSerializer.Deserialize(bytes.Span, json)
            ?? throw new FormatException($"The payload of {name} is empty."), at));
}
