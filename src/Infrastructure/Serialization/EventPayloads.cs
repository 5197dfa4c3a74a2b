using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Messages;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Infrastructure.Serialization;

// The wire form of every event's payload, one record a version. A version never changes; a new one is a new record, and the old one is
// brought up to it when read. What may be absent has a default; the rest must be there. When it happened stands in the metadata.

internal sealed record SealedPayload(ReadOnlyMemory<byte> Bytes, [property: JsonPropertyOrder(-1)] string? Bucket = null)
{
    public static SealedPayload Of(SealedContent content) => new(content.Bytes, content.Bucket);

    public SealedContent ToDomain() => new(Bucket, Bytes);
}

internal sealed record ConversationStartedV1(string Kind, Guid By, IReadOnlyList<Guid> Members)
{
    public static ConversationStartedV1 Of(ConversationEvent.ConversationStarted e) =>
        new("direct", e.By.Value, [.. e.Members.Select(member => member.Value)]);

    public ConversationEvent ToDomain(DateTimeOffset at) => Kind == "direct"
        ? new ConversationEvent.ConversationStarted(ConversationKind.Direct, new(By), [.. Members.Select(id => new UserId(id))]) { At = at }
        : throw new FormatException($"A conversation of the kind {Kind} is not known.");
}

internal sealed record MessageSentV1(
    Guid MessageId, Guid Sender, Guid Device, string Type, SealedPayload Content, string Fingerprint, Guid? ReplyTo = null,
    DateTimeOffset? ExpiresAt = null, IReadOnlyList<Guid>? Files = null)
{
    public static MessageSentV1 Of(ConversationEvent.MessageSent e) => new(
        e.MessageId.Value, e.Sender.Value, e.Device.Value, MessageTypes.NameOf(e.Type), SealedPayload.Of(e.Content), Hex(e.Fingerprint),
        e.ReplyTo?.Value, e.ExpiresAt, e.Files is null ? null : [.. e.Files.Select(file => file.Value)]);

    public ConversationEvent ToDomain(DateTimeOffset at) => new ConversationEvent.MessageSent(
        new(MessageId), new(Sender), new(Device),
        MessageTypes.Parse(Type) ?? throw new FormatException($"A message of the type {Type} is not known."),
        Content.ToDomain(), new Fingerprint(UInt128.Parse(Fingerprint, System.Globalization.NumberStyles.HexNumber, null)),
        ReplyTo is { } id ? new MessageId(id) : null, ExpiresAt, Files is null ? null : [.. Files.Select(file => new FileId(file))])
    { At = at };

    private static string Hex(Fingerprint fingerprint) => fingerprint.Value.ToString("x32", null);
}

internal sealed record MessageDeliveredV1(Guid User, Guid Device, long UpToSeq)
{
    public static MessageDeliveredV1 Of(ReceiptEvent.MessageDelivered e) => new(e.User.Value, e.Device.Value, e.UpToSeq);

    public ReceiptEvent ToDomain(DateTimeOffset at) => new ReceiptEvent.MessageDelivered(new(User), new(Device), UpToSeq) { At = at };
}

internal sealed record MessageReadV1(Guid User, Guid Device, long UpToSeq)
{
    public static MessageReadV1 Of(ReceiptEvent.MessageRead e) => new(e.User.Value, e.Device.Value, e.UpToSeq);

    public ReceiptEvent ToDomain(DateTimeOffset at) => new ReceiptEvent.MessageRead(new(User), new(Device), UpToSeq) { At = at };
}

internal sealed record UserRegisteredV1(Guid User, SealedPayload Profile)
{
    public static UserRegisteredV1 Of(UserEvent.UserRegistered e) => new(e.User.Value, SealedPayload.Of(e.Profile));

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.UserRegistered(new(User), Profile.ToDomain()) { At = at };
}

internal sealed record ProfileChangedV1(Guid User, SealedPayload Profile)
{
    public static ProfileChangedV1 Of(UserEvent.ProfileChanged e) => new(e.User.Value, SealedPayload.Of(e.Profile));

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.ProfileChanged(new(User), Profile.ToDomain()) { At = at };
}

internal sealed record DeviceAddedV1(Guid User, Guid Device, string Name, string Platform)
{
    public static DeviceAddedV1 Of(UserEvent.DeviceAdded e) => new(e.User.Value, e.Device.Value, e.Name, e.Platform);

    public UserEvent ToDomain(DateTimeOffset at) => new UserEvent.DeviceAdded(new(User), new(Device), Name, Platform) { At = at };
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

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true,
    Converters = [typeof(TimestampConverter)])]
[JsonSerializable(typeof(ConversationStartedV1))]
[JsonSerializable(typeof(MessageSentV1))]
[JsonSerializable(typeof(MessageDeliveredV1))]
[JsonSerializable(typeof(MessageReadV1))]
[JsonSerializable(typeof(UserRegisteredV1))]
[JsonSerializable(typeof(ProfileChangedV1))]
[JsonSerializable(typeof(DeviceAddedV1))]
[JsonSerializable(typeof(DeviceRemovedV1))]
[JsonSerializable(typeof(UserBlockedV1))]
[JsonSerializable(typeof(UserUnblockedV1))]
[JsonSerializable(typeof(ConversationSettingsChangedV1))]
internal sealed partial class EventJson : JsonSerializerContext;
