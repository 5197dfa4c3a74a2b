using System.Text.Json.Serialization;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Messages;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Infrastructure.Serialization;

// The wire form of each event's payload, one record for each version. A version never changes: a change of the format
// adds a record, and reading converts old versions. Optional properties have defaults; all others are required.
// The metadata hold the event's time.

internal sealed record SealedPayload(
    ReadOnlyMemory<byte> Bytes, [property: JsonPropertyOrder(-1)] string? Bucket = null,
    ReadOnlyMemory<byte>? Commit = null)
{
    public static SealedPayload Of(SealedContent content) => new(content.Bytes, content.Bucket, content.Commit);

    public SealedContent ToDomain() => new(Bucket, Bytes, Commit);
}

internal sealed record ConversationStartedV1(
    string Kind, Guid By, IReadOnlyList<Guid> Members, SealedPayload? Title = null, string? Fingerprint = null)
{
    public static ConversationStartedV1 Of(ConversationEvent.ConversationStarted e) => new(
        ConversationNames.Of(e.Kind), e.By.Value, [.. e.Members.Select(member => member.Value)],
        e.Title is { } title ? SealedPayload.Of(title.Content) : null, e.Fingerprint?.ToString());

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.ConversationStarted(
        ConversationNames.ParseKind(Kind)
            ?? throw new FormatException($"A conversation of the kind {Kind} is not known."),
        new(By), [.. Members.Select(id => new UserId(id))],
        Title is null ? null : new GroupTitle(Title.ToDomain(), new(By)),
        Fingerprint is null ? null : Domain.Messages.Fingerprint.Parse(Fingerprint))
    { At = at };
}

internal sealed record MemberAddedV1(Guid User, Guid By)
{
    public static MemberAddedV1 Of(ConversationEvent.MemberAdded e) => new(e.User.Value, e.By.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) =>
        new ConversationEvent.MemberAdded(new(User), new(By)) { At = at };
}

internal sealed record MemberRemovedV1(Guid User, Guid By)
{
    public static MemberRemovedV1 Of(ConversationEvent.MemberRemoved e) => new(e.User.Value, e.By.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) =>
        new ConversationEvent.MemberRemoved(new(User), new(By)) { At = at };
}

internal sealed record MemberLeftV1(Guid User)
{
    public static MemberLeftV1 Of(ConversationEvent.MemberLeft e) => new(e.User.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.MemberLeft(new(User)) { At = at };
}

internal sealed record RoleChangedV1(Guid User, string Role, Guid By)
{
    public static RoleChangedV1 Of(ConversationEvent.RoleChanged e) =>
        new(e.User.Value, ConversationNames.Of(e.Role), e.By.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.RoleChanged(
        new(User), ConversationNames.ParseRole(Role)
            ?? throw new FormatException($"The role {Role} is not known."), new(By))
    { At = at };
}

internal sealed record GroupRenamedV1(SealedPayload Title, Guid By)
{
    public static GroupRenamedV1 Of(ConversationEvent.GroupRenamed e) =>
        new(SealedPayload.Of(e.Title.Content), e.Title.By.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) =>
        new ConversationEvent.GroupRenamed(new GroupTitle(Title.ToDomain(), new(By))) { At = at };
}

internal sealed record ShorteningPayload(long FromSeconds, long ToSeconds)
{
    public static ShorteningPayload Of(Shortening shortening) =>
        new((long)shortening.From.TotalSeconds, (long)shortening.To.TotalSeconds);

    public Shortening ToDomain() => new(TimeSpan.FromSeconds(FromSeconds), TimeSpan.FromSeconds(ToSeconds));
}

internal sealed record RetentionChangedV1(
    Guid By, int? Days = null, int? DisappearingSeconds = null, IReadOnlyList<ShorteningPayload>? Shortened = null)
{
    public static RetentionChangedV1 Of(ConversationEvent.RetentionChanged e) => new(
        e.By.Value, e.Policy.Days, e.Policy.DisappearingSeconds,
        e.Shortened is null ? null : [.. e.Shortened.Select(ShorteningPayload.Of)]);

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.RetentionChanged(
        new RetentionPolicy(Days, DisappearingSeconds), new(By),
        Shortened is null ? null : [.. Shortened.Select(each => each.ToDomain())])
    { At = at };
}

internal sealed record MessageSentV1(
    Guid MessageId, Guid Sender, Guid Device, string Type, SealedPayload Content, string Fingerprint,
    Guid? ReplyTo = null, DateTimeOffset? ExpiresAt = null, IReadOnlyList<Guid>? Files = null)
{
    public static MessageSentV1 Of(ConversationEvent.MessageSent e) => new(
        e.MessageId.Value, e.Sender.Value, e.Device.Value, MessageTypes.NameOf(e.Type), SealedPayload.Of(e.Content),
        e.Fingerprint.ToString(), e.ReplyTo?.Value, e.ExpiresAt,
        e.Files is null ? null : [.. e.Files.Select(file => file.Value)]);

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.MessageSent(
        new(MessageId), new(Sender), new(Device),
        MessageTypes.Parse(Type) ?? throw new FormatException($"A message of the type {Type} is not known."),
        Content.ToDomain(), Domain.Messages.Fingerprint.Parse(Fingerprint),
        ReplyTo is { } id ? new MessageId(id) : null, ExpiresAt,
        Files is null ? null : [.. Files.Select(file => new FileId(file))])
    { At = at };
}

internal sealed record MessageEditedV1(
    Guid MessageId, long MessageSeq, Guid Sender, SealedPayload Content, string Fingerprint)
{
    public static MessageEditedV1 Of(ConversationEvent.MessageEdited e) =>
        new(
            e.MessageId.Value, e.MessageSeq, e.Sender.Value, SealedPayload.Of(e.Content),
            e.Fingerprint.ToString());

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.MessageEdited(
        new(MessageId), MessageSeq, new(Sender), Content.ToDomain(), Domain.Messages.Fingerprint.Parse(Fingerprint))
    { At = at };
}

internal sealed record MessageDeletedV1(Guid MessageId, long MessageSeq, Guid By)
{
    public static MessageDeletedV1 Of(ConversationEvent.MessageDeleted e) =>
        new(e.MessageId.Value, e.MessageSeq, e.By.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) =>
        new ConversationEvent.MessageDeleted(new(MessageId), MessageSeq, new(By)) { At = at };
}

internal sealed record ReactionSetV1(Guid MessageId, long MessageSeq, Guid User, string Emoji)
{
    public static ReactionSetV1 Of(ConversationEvent.ReactionSet e) =>
        new(e.MessageId.Value, e.MessageSeq, e.User.Value, e.Emoji);

    public ConversationEvent ToDomain(DateTimeOffset at) =>
        new ConversationEvent.ReactionSet(new(MessageId), MessageSeq, new(User), Emoji) { At = at };
}

internal sealed record ReactionClearedV1(Guid MessageId, long MessageSeq, Guid User)
{
    public static ReactionClearedV1 Of(ConversationEvent.ReactionCleared e) =>
        new(e.MessageId.Value, e.MessageSeq, e.User.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) =>
        new ConversationEvent.ReactionCleared(new(MessageId), MessageSeq, new(User)) { At = at };
}

internal sealed record VoteSetV1(Guid MessageId, long MessageSeq, Guid User, IReadOnlyList<int> Options)
{
    public static VoteSetV1 Of(ConversationEvent.VoteSet e) =>
        new(e.MessageId.Value, e.MessageSeq, e.User.Value, e.Vote.Options);

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.VoteSet(
        new(MessageId), MessageSeq, new(User), Domain.Messages.Vote.Of(Options))
    { At = at };
}

internal sealed record VoteClearedV1(Guid MessageId, long MessageSeq, Guid User)
{
    public static VoteClearedV1 Of(ConversationEvent.VoteCleared e) =>
        new(e.MessageId.Value, e.MessageSeq, e.User.Value);

    public ConversationEvent ToDomain(DateTimeOffset at) =>
        new ConversationEvent.VoteCleared(new(MessageId), MessageSeq, new(User)) { At = at };
}

/// <summary>Two parallel lists of the same length; compact, because an event may name many messages.</summary>
internal sealed record MessagesExpiredV1(IReadOnlyList<long> Seqs, IReadOnlyList<Guid> MessageIds, string Reason)
{
    public static MessagesExpiredV1 Of(ConversationEvent.MessagesExpired e) => new(
        [.. e.Messages.Select(message => message.Seq)],
        [.. e.Messages.Select(message => message.MessageId.Value)],
        ExpiryReasons.NameOf(e.Reason));

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.MessagesExpired(
        [.. Seqs.Zip(MessageIds, (seq, id) => new ExpiredMessage(new(id), seq))],
        ExpiryReasons.Parse(Reason)
        ?? throw new FormatException($"Messages that expired by reason of {Reason} are not known."))
    { At = at };
}

internal sealed record MessageDeliveredV1(Guid User, Guid Device, long UpToSeq)
{
    public static MessageDeliveredV1 Of(ReceiptEvent.MessageDelivered e) =>
        new(e.User.Value, e.Device.Value, e.UpToSeq);

    public ReceiptEvent ToDomain(DateTimeOffset at) =>
        new ReceiptEvent.MessageDelivered(new(User), new(Device), UpToSeq) { At = at };
}

internal sealed record MessageReadV1(Guid User, Guid Device, long UpToSeq)
{
    public static MessageReadV1 Of(ReceiptEvent.MessageRead e) => new(e.User.Value, e.Device.Value, e.UpToSeq);

    public ReceiptEvent ToDomain(DateTimeOffset at) =>
        new ReceiptEvent.MessageRead(new(User), new(Device), UpToSeq) { At = at };
}

internal sealed record UserRegisteredV1(Guid User, SealedPayload Profile)
{
    public static UserRegisteredV1 Of(UserEvent.UserRegistered e) => new(e.User.Value, SealedPayload.Of(e.Profile));

    public UserEvent ToDomain(DateTimeOffset at) =>
        new UserEvent.UserRegistered(new(User), Profile.ToDomain()) { At = at };
}

internal sealed record ProfileChangedV1(Guid User, SealedPayload Profile, Guid? Avatar = null)
{
    public static ProfileChangedV1 Of(UserEvent.ProfileChanged e) =>
        new(e.User.Value, SealedPayload.Of(e.Profile), e.Avatar?.Value);

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.ProfileChanged(
        new(User), Profile.ToDomain(), Avatar is { } avatar ? new FileId(avatar) : null)
    { At = at };
}

internal sealed record DeviceAddedV1(Guid User, Guid Device, string Name, string Platform, bool? Ephemeral = null)
{
    public static DeviceAddedV1 Of(UserEvent.DeviceAdded e) =>
        new(e.User.Value, e.Device.Value, e.Name, e.Platform, e.Ephemeral ? true : null);

    public UserEvent ToDomain(DateTimeOffset at) =>
        new UserEvent.DeviceAdded(new(User), new(Device), Name, Platform, Ephemeral is true) { At = at };
}

internal sealed record DeviceRemovedV1(Guid User, Guid Device)
{
    public static DeviceRemovedV1 Of(UserEvent.DeviceRemoved e) => new(e.User.Value, e.Device.Value);

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.DeviceRemoved(new(User), new(Device)) { At = at };
}

internal sealed record UserBlockedV1(Guid User, Guid Other)
{
    public static UserBlockedV1 Of(UserEvent.UserBlocked e) => new(e.User.Value, e.Other.Value);

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.UserBlocked(new(User), new(Other)) { At = at };
}

internal sealed record UserUnblockedV1(Guid User, Guid Other)
{
    public static UserUnblockedV1 Of(UserEvent.UserUnblocked e) => new(e.User.Value, e.Other.Value);

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.UserUnblocked(new(User), new(Other)) { At = at };
}

internal sealed record ConversationSettingsChangedV1(
    Guid User, Guid Conversation, bool Pinned, bool Archived, DateTimeOffset? MutedUntil = null)
{
    public static ConversationSettingsChangedV1 Of(UserEvent.ConversationSettingsChanged e) => new(
        e.User.Value, e.Conversation.Value, e.Settings.Pinned, e.Settings.Archived, e.Settings.MutedUntil);

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.ConversationSettingsChanged(
        new(User), new(Conversation), new ConversationSettings(Pinned, Archived, MutedUntil))
    { At = at };
}

internal sealed record UserErasedV1(Guid User)
{
    public static UserErasedV1 Of(UserEvent.UserErased e) => new(e.User.Value);

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.UserErased(new(User)) { At = at };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true,
    Converters = [typeof(TimestampConverter)])]
[JsonSerializable(typeof(ConversationStartedV1))]
[JsonSerializable(typeof(MemberAddedV1))]
[JsonSerializable(typeof(MemberRemovedV1))]
[JsonSerializable(typeof(MemberLeftV1))]
[JsonSerializable(typeof(RoleChangedV1))]
[JsonSerializable(typeof(GroupRenamedV1))]
[JsonSerializable(typeof(RetentionChangedV1))]
[JsonSerializable(typeof(MessageSentV1))]
[JsonSerializable(typeof(MessageEditedV1))]
[JsonSerializable(typeof(MessageDeletedV1))]
[JsonSerializable(typeof(ReactionSetV1))]
[JsonSerializable(typeof(ReactionClearedV1))]
[JsonSerializable(typeof(VoteSetV1))]
[JsonSerializable(typeof(VoteClearedV1))]
[JsonSerializable(typeof(MessagesExpiredV1))]
[JsonSerializable(typeof(MessageDeliveredV1))]
[JsonSerializable(typeof(MessageReadV1))]
[JsonSerializable(typeof(UserRegisteredV1))]
[JsonSerializable(typeof(ProfileChangedV1))]
[JsonSerializable(typeof(DeviceAddedV1))]
[JsonSerializable(typeof(DeviceRemovedV1))]
[JsonSerializable(typeof(UserBlockedV1))]
[JsonSerializable(typeof(UserUnblockedV1))]
[JsonSerializable(typeof(ConversationSettingsChangedV1))]
[JsonSerializable(typeof(UserErasedV1))]
[JsonSerializable(typeof(AuditAccessedV1))]
[JsonSerializable(typeof(AuditDeliveredV1))]
[JsonSerializable(typeof(MatterRequestedV1))]
[JsonSerializable(typeof(MatterApprovedV1))]
[JsonSerializable(typeof(MatterRefusedV1))]
[JsonSerializable(typeof(MatterEndedV1))]
[JsonSerializable(typeof(HoldPlacedV1))]
[JsonSerializable(typeof(HoldApprovedV1))]
[JsonSerializable(typeof(HoldRefusedV1))]
[JsonSerializable(typeof(HoldReleasedV1))]
[JsonSerializable(typeof(AccessRolesV1))]
[JsonSerializable(typeof(LogVerifiedV1))]
[JsonSerializable(typeof(LogRecoveredV1))]
[JsonSerializable(typeof(ErasureLimitedV1))]
[JsonSerializable(typeof(StreamTruncatedV1))]
internal sealed partial class EventJson : JsonSerializerContext;
