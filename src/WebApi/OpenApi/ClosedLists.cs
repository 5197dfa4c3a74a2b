using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Inbox;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Push;
using ChatCqrs.Application.Users;
using ChatCqrs.WebApi.Accounts;
using ChatCqrs.WebApi.Auditing;
using ChatCqrs.WebApi.Operations;
using ChatCqrs.WebApi.Push;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>The closed lists of the interface, and what members hold whose type is any JSON.</summary>
internal static class ClosedLists
{
    public static readonly IReadOnlyList<ClosedList> All =
    [
        new("MessageType", "What a message is.", Split(MessageTypes.Names),
            (typeof(SendMessage.Body), "type"), (typeof(MessageView), "type"), (typeof(AuditedEntry), "type")),
        new("MessageStatus", "What holds for every recipient who is still there.", ["sent", "delivered", "read"],
            (typeof(MessageView), "status")),
        new("ConversationType", "Whether it has two members for good, or any.", ["direct", "group"],
            (typeof(StartConversation.Body), "type"), (typeof(ConversationSummary), "type"),
            (typeof(ConversationDetails), "type"), (typeof(FoundConversation), "type"),
            (typeof(AuditedState), "type")),
        new("ConversationEncryption", "How its messages are encrypted end to end.", ["mls"],
            (typeof(ConversationSummary), "encryption"), (typeof(ConversationDetails), "encryption"),
            (typeof(FoundConversation), "encryption"), (typeof(AuditedState), "encryption")),
        new("MemberRole", "What a member may do.", ["member", "admin"],
            (typeof(ChangeRole.Body), "role"), (typeof(MemberInfo), "role"), (typeof(GetMembers.Item), "role"),
            (typeof(AuditedMember), "role")),
        new("AuditedEntryKind", "What an entry of a state is.", ["message"], (typeof(AuditedEntry), "kind")),
        new("GoneReason", "Why a message has no content.", ["expired", "deleted", "erased", "truncated", "altered"],
            (typeof(AuditedEntry), "gone")),
        new("ChainProblem", "What is wrong with a chain of events.",
            ["hash_mismatch", "link_broken", "missing", "tail_missing", "head_mismatch"],
            (typeof(VerifyConversation.Finding), "code")),
        new("AuditedStream", "A stream of a conversation.", ["conversation", "receipts"],
            (typeof(VerifyConversation.Finding), "stream")),
        new("EntryKind", "What an entry of a conversation is.",
            [
                "message", "conversation_started", "member_added", "member_removed", "member_left", "role_changed",
                "group_renamed", "retention_changed", "message_edited", "message_deleted", "reaction_set",
                "reaction_cleared", "vote_set", "vote_cleared", "messages_expired",
            ],
            (typeof(TimelineEntryView), "kind")),
        new("DeviceLinkStatus", "What became of a device link.", ["pending", "approved", "refused", "expired"],
            (typeof(DeviceLinkStatusAnswer), "status")),
        new("AuditExportStatus", "What became of an export.", ["queued", "running", "done", "failed"],
            (typeof(AuditExportAnswer), "status")),
        new("PushPlatform", "A push service.", Split(PushPlatforms.Names),
            (typeof(Subscribe.Body), "platform"), (typeof(PushSubscriptionAnswer), "platform")),
        new("MatterStatus", "What became of a matter.", [.. Approvals.OfMatters], (typeof(MatterView), "status")),
        new("HoldStatus", "What became of a hold.", [.. Approvals.OfHolds], (typeof(HoldView), "status")),
        new("RecoveryOutcome", "What a recovery of the signed logs did.", ["current", "restored", "continued"],
            (typeof(RecoverLogs.Result), "outcome")),
        new("ProjectionState", "What a read model does.", ["running", "rebuilding", "waiting", "stopped"],
            (typeof(ProjectionAnswer), "state")),
    ];

    /// <summary>Members that are bound as JSON of any type, because absent, null and wrong ones differ.</summary>
    public static readonly IReadOnlyDictionary<Type, (string Member, Func<OpenApiSchema> Schema)[]> Elements =
        new Dictionary<Type, (string, Func<OpenApiSchema>)[]>
        {
            [typeof(ChangeProfile.Body)] = [("name", Text), ("about", Text), ("avatar", Text)],
            [typeof(ChangeSettings.Body)] = [("muted_until", Time), ("pinned", Flag), ("archived", Flag)],
            [typeof(ChangeConversation.RetentionPatch)] = [("days", Number), ("disappearing_seconds", Number)],
            [typeof(SendMessage.Body)] = [("media_object", Any), ("document", Any)],
            [typeof(MessageView)] = [("media_object", Any), ("document", Any)],
            [typeof(TimelineEntryView)] = [("data", Any)],
            [typeof(AuditedContentView)] = [("media_object", Any), ("document", Any)],
            [typeof(AuditedEvent)] = [("metadata", Any), ("payload", Any)],
        };

    private static string[] Split(string names) => names.Split(", ");

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String | JsonSchemaType.Null };

    private static OpenApiSchema Time() =>
        new() { Type = JsonSchemaType.String | JsonSchemaType.Null, Format = "date-time" };

    private static OpenApiSchema Flag() => new() { Type = JsonSchemaType.Boolean };

    private static OpenApiSchema Number() =>
        new() { Type = JsonSchemaType.Integer | JsonSchemaType.Null, Format = "int32" };

    /// <summary>An object with any members. Messages of earlier versions have other JSON there, too.</summary>
    private static OpenApiSchema Any() => new()
    {
        Type = JsonSchemaType.Object | JsonSchemaType.Null,
        AdditionalPropertiesAllowed = true,
        AdditionalProperties = new OpenApiSchema(),
    };
}
