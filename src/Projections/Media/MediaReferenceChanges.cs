using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Media;

/// <summary>A message's reference to a file. Everyone who may see the message may download the file.</summary>
public sealed record MediaReference(
    FileId File, ConversationId Conversation, long Seq, MessageId Message, DateTimeOffset At);

/// <summary>Collects the references to files that a run adds and removes.</summary>
public sealed class MediaReferenceChanges
{
    private readonly List<MediaReference> _added = [];
    private readonly List<(ConversationId Conversation, long Seq)> _deleted = [];

    public IReadOnlyList<MediaReference> Added => _added;

    /// <summary>The messages that were deleted or expired: their references are removed.</summary>
    public IReadOnlyList<(ConversationId Conversation, long Seq)> Deleted => _deleted;

    public void Apply(Recorded fact)
    {
        if (fact.Event is ConversationEvent.MessageDeleted deleted)
            Delete(fact.Conversation, deleted.MessageSeq);
        if (fact.Event is ConversationEvent.MessagesExpired expired)
        {
            foreach (var message in expired.Messages)
                Delete(fact.Conversation, message.Seq);
        }

        if (fact.Event is ConversationEvent.MessageSent { Files: { } files } sent)
        {
            _added.AddRange(files.Distinct().Select(file =>
                new MediaReference(file, fact.Conversation, fact.Revision, sent.MessageId, fact.At)));
        }
    }

    private void Delete(ConversationId conversation, long seq)
    {
        if (_added.Count > 0)
            _added.RemoveAll(row => row.Conversation == conversation && row.Seq == seq);
        _deleted.Add((conversation, seq));
    }
}
