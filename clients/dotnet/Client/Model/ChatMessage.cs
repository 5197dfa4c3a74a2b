using System.Text.Json;

namespace ChatCqrs.Client;

/// <summary>A message of a conversation.</summary>
public sealed record ChatMessage
{
    /// <summary>The id that its sender gave it.</summary>
    public required Guid MessageId { get; init; }

    /// <summary>The conversation.</summary>
    public required Guid ConversationId { get; init; }

    /// <summary>Its place in the conversation, from 0, without gaps over all entries.</summary>
    public required long Seq { get; init; }

    /// <summary>Who sent it.</summary>
    public required Guid SenderId { get; init; }

    /// <summary>The device it was sent from.</summary>
    public Guid? SenderDeviceId { get; init; }

    /// <summary>One of <see cref="MessageType"/>, or a newer one.</summary>
    public required string Type { get; init; }

    /// <summary>The text, a caption, or a poll's question; null without one, and once it was deleted.</summary>
    public string? Text { get; init; }

    /// <summary>The attachment of images, video, audio, locations, contacts and polls.</summary>
    public JsonElement? MediaObject { get; init; }

    /// <summary>The attachment of documents.</summary>
    public JsonElement? Document { get; init; }

    /// <summary>The message it answers.</summary>
    public Guid? ReplyTo { get; init; }

    /// <summary>The ciphertext in base64, of encrypted messages.</summary>
    public string? Ciphertext { get; init; }

    /// <summary>The epoch of encryption.</summary>
    public long? Epoch { get; init; }

    /// <summary>When the server took it.</summary>
    public required DateTimeOffset SentAt { get; init; }

    /// <summary>When it was last edited.</summary>
    public DateTimeOffset? EditedAt { get; init; }

    /// <summary>When it was deleted for everyone.</summary>
    public DateTimeOffset? DeletedAt { get; init; }

    /// <summary>When it expires.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The ids of users, by the emoji that they reacted with.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<Guid>>? Reactions { get; init; }

    /// <summary>The ids of voters, by the index of a poll's option.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<Guid>>? Votes { get; init; }

    /// <summary><c>sent</c>, <c>delivered</c> or <c>read</c>: what holds for every recipient.</summary>
    public string Status { get; init; } = "sent";
}

/// <summary>The types of messages; the server may add some.</summary>
public static class MessageType
{
    /// <summary>A text.</summary>
    public const string Text = "text";

    /// <summary>An image.</summary>
    public const string Image = "image";

    /// <summary>A video.</summary>
    public const string Video = "video";

    /// <summary>A sound, or a voice note.</summary>
    public const string Audio = "audio";

    /// <summary>A file of any kind.</summary>
    public const string Document = "document";

    /// <summary>A place.</summary>
    public const string Location = "location";

    /// <summary>Somebody's name and phones.</summary>
    public const string Contact = "contact";

    /// <summary>A question with options to choose from.</summary>
    public const string Poll = "poll";

    /// <summary>A message that only its members can read.</summary>
    public const string Encrypted = "encrypted";
}
