using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// What a partition is doing for a conversation; docs/writer.md has the table of transitions. Requests that arrive
/// meanwhile wait.
/// </summary>
internal enum Phase
{
    Idle,

    /// <summary>Queued for a decision.</summary>
    Ready,

    /// <summary>The log is being read.</summary>
    Loading,

    /// <summary>Message ids are being looked up, or messages sealed again.</summary>
    Preparing,

    /// <summary>Decided events are being appended.</summary>
    Appending,
}

/// <summary>
/// A conversation in a partition's memory: the state of both of its streams as the log confirmed it, and the requests
/// that wait.
/// </summary>
internal sealed class CachedConversation(ConversationId id)
{
    public ConversationId Id { get; } = id;

    public Phase Phase { get; set; }

    /// <summary>The requests that wait, in the order in which they came.</summary>
    public Queue<Pending> Waiting { get; } = new();

    /// <summary>The conversation's stream; null until it was read.</summary>
    public StreamState<Conversation>? Stream { get; private set; }

    /// <summary>The receipts' stream; null until a receipt needed it.</summary>
    public StreamState<Watermarks>? Receipts { get; private set; }

    public Progress Progress { get; private set; } = Progress.Start;

    /// <summary>
    /// Receipts of an append that was not answered. The next read tells which of them are in the log; their authors are
    /// told then.
    /// </summary>
    public IReadOnlyList<RaisedMark> UnansweredReceipts { get; set; } = [];

    /// <summary>Reads and appends that failed since the last read that succeeded.</summary>
    public int Failures { get; set; }

    /// <summary>The place among the least recently used.</summary>
    public LinkedListNode<CachedConversation>? Place { get; set; }

    /// <summary>Whether a receipt waits and the receipts' stream was not read yet.</summary>
    public bool NeedsReceipts => Receipts is null && Waiting.Any(request => request is PendingReceipt);

    public void Notice(long firstSeq, long lastSeq) => Progress = Progress.Notice(firstSeq, lastSeq);

    public void Doubt() => Progress = Progress.Doubt();

    /// <returns>The progress that <see cref="FailRead"/> restores.</returns>
    public Progress BeginRead()
    {
        var asked = Progress;
        Progress = asked.BeginRead();
        return asked;
    }

    /// <param name="receipts">Null when the receipts' stream was not read.</param>
    /// <param name="shownFrom">See <see cref="Progress.EndRead"/>.</param>
    public void EndRead(StreamState<Conversation> stream, StreamState<Watermarks>? receipts, long shownFrom)
    {
        Progress = Progress.EndRead(stream.Revision, shownFrom);
        Stream = stream;
        Receipts = receipts ?? Receipts;
        Failures = 0;
    }

    public void FailRead(Progress asked)
    {
        Progress = Progress.FailRead(asked);
        Failures++;
    }

    public void Commit(StreamState<Conversation> stream)
    {
        Progress = Progress.Commit(stream.Revision);
        Stream = stream;
    }

    public void Commit(StreamState<Watermarks> receipts) => Receipts = receipts;

    /// <summary>Gives requests their places at the front again.</summary>
    public void PutBack(IReadOnlyList<Pending> first)
    {
        if (first.Count == 0)
            return;
        var others = Waiting.ToArray();
        Waiting.Clear();
        foreach (var request in first.Concat(others))
            Waiting.Enqueue(request);
    }
}

/// <summary>A stream's state at its last known event.</summary>
/// <param name="Revision">The last event's; <see cref="StreamAppend.NoStream"/> before the first.</param>
/// <param name="Hash">The last event's hash, which the next event is linked to.</param>
/// <param name="Position">A position at or after the last event's.</param>
internal sealed record StreamState<TState>(TState State, long Revision, ReadOnlyMemory<byte> Hash, LogPosition Position)
{
    public static StreamState<TState> Empty(TState state) =>
        new(state, StreamAppend.NoStream, IEventCodec.FirstLink, LogPosition.Start);
}
