using ChatCqrs.Domain;

namespace ChatCqrs.Projections.Timeline;

/// <summary>
/// The number of messages in a conversation up to an entry, and the number by the entry's author. Unread messages are
/// counted from these numbers at both ends of a range, whatever its length: all messages after a seq, minus one's own.
/// </summary>
/// <param name="InConversation">The number of messages up to and including the entry.</param>
/// <param name="OfAuthor">The number of them by the entry's author; null if the entry is no message.</param>
public readonly record struct MessageNumbers(long InConversation, long? OfAuthor);

/// <summary>Numbers the messages in a run of entries.</summary>
/// <param name="conversations">The number of messages in each conversation before the run; absent means none.</param>
/// <param name="authors">The number of them by each author.</param>
public sealed class MessageCounter(
    IReadOnlyDictionary<ConversationId, long> conversations, IReadOnlyDictionary<(ConversationId, UserId),
    long> authors)
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
