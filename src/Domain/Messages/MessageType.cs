namespace ChatCqrs.Domain.Messages;

/// <summary>What a message carries, as its sender says; the server does not look inside.</summary>
public enum MessageType
{
    Text,
    Image,
    Video,
    Audio,
    Document,
    Location,
    Contact,
    Poll,
}
