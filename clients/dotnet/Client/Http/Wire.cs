using System.Text.Json;
using System.Text.Json.Serialization;

namespace ChatCqrs.Client.Http;

// The contract's bodies and frames, as far as they are not public types.

internal sealed record Problem(
    string? Title, int Status, string? Detail, string? Code, string? TraceId, Dictionary<string, string[]>? Errors);

internal sealed record RegistrationBody(string Phone, string? Name);

internal sealed record VerificationBody(string Code, LinkedDevice Device);

internal sealed record RefreshBody(string RefreshToken);

internal sealed record TokenAnswer(
    Guid UserId, Guid DeviceId, string AccessToken, string RefreshToken, long ExpiresIn);

/// <summary>The tokens of a device, as they are stored.</summary>
/// <param name="ObtainedAt">By this machine's clock, which may be wrong.</param>
/// <param name="ExpiresIn">Seconds from then on.</param>
internal sealed record Session(
    Guid UserId, Guid DeviceId, string AccessToken, string RefreshToken, DateTimeOffset ObtainedAt, long ExpiresIn);

internal sealed record LinkBody(LinkedDevice Device, string? PublicKey);

internal sealed record LinkStarted(Guid LinkId, string Secret, DateTimeOffset ExpiresAt);

internal sealed record LinkAnswer(
    string Status, string? Proof, string? Payload, Guid? UserId, Guid? DeviceId, string? AccessToken,
    string? RefreshToken, long? ExpiresIn);

internal sealed record ApprovalBody(string? Proof, string? Payload, bool? Refuse);

internal sealed record StartBody(
    string Type, IReadOnlyList<Guid> MemberIds, string? Title = null, Guid? ConversationId = null,
    string? Encryption = null);

internal sealed record LookupBody(IReadOnlyList<string> Phones);

internal sealed record LookupAnswer(IReadOnlyList<ContactMatch> Matches);

internal sealed record UsersAnswer(IReadOnlyList<Profile> Users);

internal sealed record DevicesAnswer(IReadOnlyList<Device> Devices);

internal sealed record MembersAnswer(IReadOnlyList<Member> Members);

internal sealed record MembersBody(IReadOnlyList<Guid> UserIds);

internal sealed record MessagesAnswer(IReadOnlyList<ChatMessage> Messages, string? NextCursor);

internal sealed record RecipientsAnswer(IReadOnlyList<MessageReceipt> Recipients);

internal sealed record LinksBody(IReadOnlyList<Guid> FileIds);

internal sealed record LinksAnswer(IReadOnlyList<MediaLink> Links);

internal sealed record EditBody(string? Text, string? Ciphertext);

internal sealed record EmojiBody(string Emoji);

internal sealed record VoteBody(IReadOnlyList<int> Options);

/// <summary>An entry of the outbox as it is stored; with <c>op</c> set, the frame that is sent.</summary>
internal sealed record SendFrame
{
    [JsonPropertyOrder(-1)]
    public string Op { get; init; } = "send";

    public required Guid MessageId { get; init; }

    public required Guid ConversationId { get; init; }

    public required string Type { get; init; }

    public string? Text { get; init; }

    public JsonElement? MediaObject { get; init; }

    public JsonElement? Document { get; init; }

    public Guid? ReplyTo { get; init; }

    public string? Ciphertext { get; init; }

    public IReadOnlyList<Guid>? FileIds { get; init; }
}

/// <param name="UserId">Whose message it is: the outbox of somebody else who signs in is not theirs.</param>
internal sealed record StoredMessage(
    Guid UserId, SendFrame Frame, string? ParkedCode = null, string? ParkedDetail = null);

internal sealed record SeqFrame(string Op, string Id, Guid ConversationId, long Seq);

internal sealed record TypingFrame(string Op, Guid ConversationId, bool Active);

internal sealed record PresenceFrame(string Op, IReadOnlyList<Guid> UserIds);

internal sealed record SyncFrame(string Op, string Id, Dictionary<string, long> Conversations);

internal sealed record PingFrame(string Op, string Id);

internal sealed record AuthenticateFrame(string Op, string AccessToken);

internal sealed record WelcomeFrame(
    Guid UserId, Guid DeviceId, DateTimeOffset ServerTime, DateTimeOffset? ExpiresAt, Guid? Incarnation);

internal sealed record AckFrame(Guid MessageId, Guid ConversationId, long Seq, DateTimeOffset SentAt);

internal sealed record ResetFrame(Guid ConversationId, long LastSeq);

/// <param name="Ref">The refused frame's <c>message_id</c> or <c>id</c>; null where it has none.</param>
internal sealed record ErrorFrame(string? Ref, Problem Problem);

/// <summary>Reflection is never used: trimmed and compiled ahead of time, this keeps working.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(RegistrationBody))]
[JsonSerializable(typeof(Registration))]
[JsonSerializable(typeof(VerificationBody))]
[JsonSerializable(typeof(RefreshBody))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(Session))]
[JsonSerializable(typeof(LinkBody))]
[JsonSerializable(typeof(LinkStarted))]
[JsonSerializable(typeof(LinkAnswer))]
[JsonSerializable(typeof(LinkRequest))]
[JsonSerializable(typeof(ApprovalBody))]
[JsonSerializable(typeof(StartBody))]
[JsonSerializable(typeof(LookupBody))]
[JsonSerializable(typeof(LookupAnswer))]
[JsonSerializable(typeof(UsersAnswer))]
[JsonSerializable(typeof(DevicesAnswer))]
[JsonSerializable(typeof(MembersAnswer))]
[JsonSerializable(typeof(MembersBody))]
[JsonSerializable(typeof(MessagesAnswer))]
[JsonSerializable(typeof(RecipientsAnswer))]
[JsonSerializable(typeof(LinksBody))]
[JsonSerializable(typeof(LinksAnswer))]
[JsonSerializable(typeof(EditBody))]
[JsonSerializable(typeof(EmojiBody))]
[JsonSerializable(typeof(VoteBody))]
[JsonSerializable(typeof(OwnProfile))]
[JsonSerializable(typeof(Profile))]
[JsonSerializable(typeof(ServerInfo))]
[JsonSerializable(typeof(ConversationDetails))]
[JsonSerializable(typeof(InboxPage))]
[JsonSerializable(typeof(ChatMessage))]
[JsonSerializable(typeof(ConversationUpdated))]
[JsonSerializable(typeof(ReceiptReceived))]
[JsonSerializable(typeof(TypingReceived))]
[JsonSerializable(typeof(PresenceReceived))]
[JsonSerializable(typeof(SendFrame))]
[JsonSerializable(typeof(StoredMessage))]
[JsonSerializable(typeof(SeqFrame))]
[JsonSerializable(typeof(TypingFrame))]
[JsonSerializable(typeof(PresenceFrame))]
[JsonSerializable(typeof(SyncFrame))]
[JsonSerializable(typeof(PingFrame))]
[JsonSerializable(typeof(AuthenticateFrame))]
[JsonSerializable(typeof(WelcomeFrame))]
[JsonSerializable(typeof(AckFrame))]
[JsonSerializable(typeof(ResetFrame))]
[JsonSerializable(typeof(ErrorFrame))]
[JsonSerializable(typeof(Dictionary<string, long>))]
internal sealed partial class WireJson : JsonSerializerContext;
