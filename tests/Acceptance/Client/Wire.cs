using System.Text.Json;

namespace ChatCqrs.Acceptance.Client;

// The contract's answers, as far as the tests need them typed. Times stay strings, to be compared as sent.

public sealed record Registration(Guid RegistrationId, string ExpiresAt, string? Code);

public sealed record Session(Guid UserId, Guid DeviceId, string AccessToken, string RefreshToken, int ExpiresIn);

/// <summary>The answer to a message, by REST or as an <c>ack</c> frame.</summary>
public sealed record Sent(Guid MessageId, Guid ConversationId, long Seq, string SentAt);

public sealed record Message(
    Guid MessageId, Guid ConversationId, long Seq, Guid SenderId, Guid? SenderDeviceId, string Type, string? Text,
    Guid? ReplyTo, string? Ciphertext, string SentAt, string Status);

public sealed record Entry(long Seq, string Kind, string At, Guid? ActorId, Message? Message, JsonElement? Data);

public sealed record Timeline(IReadOnlyList<Entry> Entries, long LastSeq);

public sealed record InboxItem(
    Guid ConversationId, string Type, string? Title, long LastSeq, Message? LastMessage, long UnreadCount,
    long? DeliveredSeq, long? ReadSeq, string? UpdatedAt);

public sealed record Recipient(Guid UserId, string? DeliveredAt, string? ReadAt);

public sealed record Device(Guid DeviceId, string? Name, string? Platform, string? LastSeen, bool Current);
