using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Messages;

/// <summary>A message as clients see it, in REST answers, socket frames and the inbox.</summary>
public sealed record MessageView
{
    public required Guid MessageId { get; init; }
    public required Guid ConversationId { get; init; }
    public required long Seq { get; init; }
    public required Guid SenderId { get; init; }
    public required Guid SenderDeviceId { get; init; }
    public required string Type { get; init; }
    public required string? Text { get; init; }
    public required JsonElement? MediaObject { get; init; }
    public required JsonElement? Document { get; init; }
    public required Guid? ReplyTo { get; init; }
    public required string? Ciphertext { get; init; }
    public required long? Epoch { get; init; }
    public required DateTimeOffset SentAt { get; init; }
    public required DateTimeOffset? EditedAt { get; init; }
    public required DateTimeOffset? DeletedAt { get; init; }
    public required DateTimeOffset? ExpiresAt { get; init; }
    public required IReadOnlyDictionary<string, IReadOnlyList<Guid>> Reactions { get; init; }

    /// <summary>
    /// In a poll, who chose each option, by its index, without options that nobody chose; absent in other messages.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, IReadOnlyList<Guid>>? Votes { get; init; }

    /// <summary><c>sent</c>, <c>delivered</c> or <c>read</c>, whichever holds for every recipient.</summary>
    public required string Status { get; init; }

    private static readonly Dictionary<string, IReadOnlyList<Guid>> Nobody = [];

    /// <param name="content">Null if it is unreadable for ever.</param>
    public static MessageView Of(
        ConversationId conversation, long seq, MessageId message, UserId sender, DeviceId device, MessageType type,
        MessageContent? content, MessageId? replyTo, DateTimeOffset sentAt, DateTimeOffset? expiresAt, string status,
        DateTimeOffset? editedAt = null,
        DateTimeOffset? deletedAt = null, IReadOnlyDictionary<string, IReadOnlyList<Guid>>? reactions = null,
        IReadOnlyDictionary<string, IReadOnlyList<Guid>>? votes = null) => new()
        {
            MessageId = message.Value,
            ConversationId = conversation.Value,
            Seq = seq,
            SenderId = sender.Value,
            SenderDeviceId = device.Value,
            Type = MessageTypes.NameOf(type),
            Text = content?.Text,
            MediaObject = content?.MediaObject,
            Document = content?.Document,
            ReplyTo = replyTo?.Value,
            Ciphertext = content?.Ciphertext,
            Epoch = null,
            SentAt = sentAt,
            EditedAt = editedAt,
            DeletedAt = deletedAt,
            ExpiresAt = expiresAt,
            Reactions = reactions ?? Nobody,
            Votes = type == MessageType.Poll ? votes ?? Nobody : null,
            Status = status,
        };
}
