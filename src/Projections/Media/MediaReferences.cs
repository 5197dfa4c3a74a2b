using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Projections.Media;

/// <summary>That a message has a file with it: whoever sees the message may download the file.</summary>
public sealed record MediaReference(FileId File, ConversationId Conversation, long Seq, MessageId Message, DateTimeOffset At);

/// <summary>To which conversations was a file sent?</summary>
public sealed class MediaReferenceChanges
{
    private readonly List<MediaReference> _added = [];

    private readonly List<(ConversationId Conversation, long Seq)> _deleted = [];

    public IReadOnlyList<MediaReference> Added => _added;

    /// <summary>The messages that were deleted, and refer to nothing any more.</summary>
    public IReadOnlyList<(ConversationId Conversation, long Seq)> Deleted => _deleted;

    public void Apply(Recorded fact)
    {
        if (fact.Event is ConversationEvent.MessageDeleted deleted)
        {
            _added.RemoveAll(row => row.Conversation == fact.Conversation && row.Seq == deleted.MessageSeq);
            _deleted.Add((fact.Conversation, deleted.MessageSeq));
        }

        if (fact.Event is ConversationEvent.MessageSent { Files: { } files } sent)
            _added.AddRange(files.Distinct().Select(file => new MediaReference(file, fact.Conversation, fact.Revision, sent.MessageId, fact.At)));
    }
}
