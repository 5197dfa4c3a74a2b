namespace ChatCqrs.Domain.Messages;

/// <summary>The kind of a message's content as the sender states it. The server does not inspect the content.</summary>
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
