using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Messages;

/// <summary>The wire names of message types.</summary>
public static class MessageTypes
{
    public const string Names = "text, image, video, audio, document, location, contact, poll";

    public static MessageType? Parse(string? name) => name switch
    {
        "text" => MessageType.Text,
        "image" => MessageType.Image,
        "video" => MessageType.Video,
        "audio" => MessageType.Audio,
        "document" => MessageType.Document,
        "location" => MessageType.Location,
        "contact" => MessageType.Contact,
        "poll" => MessageType.Poll,
        _ => null,
    };

    public static string NameOf(MessageType type) => type switch
    {
        MessageType.Text => "text",
        MessageType.Image => "image",
        MessageType.Video => "video",
        MessageType.Audio => "audio",
        MessageType.Document => "document",
        MessageType.Location => "location",
        MessageType.Contact => "contact",
        MessageType.Poll => "poll",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
