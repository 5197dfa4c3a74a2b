using ChatCqrs.Domain;

namespace ChatCqrs.Projections.Timeline;

/// <summary>
/// How many messages a conversation has up to an entry, and how many of them are its author's. By these numbers unread messages are counted by looking
/// at the ends of a range, however many lie in it: all messages after a seq, less one's own after it.
/// </summary>
/// <param name="InConversation">Messages up to the entry, itself included.</param>
/// <param name="OfAuthor">Those of the entry's author; null when the entry is no message.</param>
public readonly record struct MessageNumbers(long InConversation, long? OfAuthor);

/// <summary>Numbers the entries of a run.</summary>
/// <param name="conversations">How many messages each conversation had before the run; none where it is missing.</param>
/// <param name="authors">How many of them were each author's.</param>
public sealed class MessageCounter(
    IReadOnlyDictionary<ConversationId, long> conversations, IReadOnlyDictionary<(ConversationId, UserId), long> authors)
{
    private readonly Dictionary<ConversationId, long> _conversations = new(conversations);
    private readonly Dictionary<(ConversationId, UserId), long> _authors = new(authors);

    public MessageNumbers Next(TimelineEntry entry)
    {
        var before = _conversations.GetValueOrDefault(entry.Conversation);
        if (entry.Message is not { } message)
            return new MessageNumbers(before, OfAuthor: null);
        var author = (entry.Conversation, message.Sender);
        return new MessageNumbers(
            _conversations[entry.Conversation] = before + 1, _authors[author] = _authors.GetValueOrDefault(author) + 1);
    }
}
