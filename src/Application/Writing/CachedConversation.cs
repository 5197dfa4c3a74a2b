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

    /// <summary>Decided events are being appended.</summary>
    Appending,
}

/// <summary>
/// A conversation in a partition's memory: the state of both of its streams as the log confirmed it, and the requests
/// that wait.
/// </summary>
internal sealed class CachedConversation(ConversationId id)
{
    private long _arrivals;

    public ConversationId Id { get; } = id;

    public Phase Phase { get; set; }

    /// <summary>The requests that wait, in the order in which they arrived.</summary>
    public Queue<Pending> Waiting { get; } = new();

    /// <summary>
    /// Messages that wait for a preparation, and those that must not overtake them; see <see cref="Preparing"/>.
    /// </summary>
    public List<PendingSend> Held { get; } = [];

    /// <summary>Whether a preparation is under way.</summary>
    public bool IsPreparing { get; set; }

    /// <summary>The conversation's stream; null until it was read.</summary>
    public StreamState<Conversation>? Stream { get; private set; }

    /// <summary>The receipts' stream; null until a receipt needed it.</summary>
    public StreamState<Watermarks>? Receipts { get; private set; }

    public Progress Progress { get; private set; } = Progress.Start;

    /// <summary>Snapshots of the conversation beyond this revision hold entries that the log has lost.</summary>
    public long SnapshotMax { get; private set; } = long.MaxValue;

    /// <summary>Snapshots of the receipts beyond this revision hold events that the log has lost.</summary>
    public long ReceiptsSnapshotMax { get; private set; } = long.MaxValue;

    /// <summary>
    /// Messages of an append that was not answered. The next read tells which of them are in the log; the ids of the
    /// others may be used again.
    /// </summary>
    public List<PendingSend> UnansweredSends { get; } = [];

    /// <summary>
    /// Receipts of an append that was not answered. The next read tells which of them are in the log; their authors are
    /// told then.
    /// </summary>
    public IReadOnlyList<RaisedMark> UnansweredReceipts { get; set; } = [];

    /// <summary>Reads and appends that failed since the last read that succeeded.</summary>
    public int Failures { get; set; }

    /// <summary>
    /// Whether the log has lost entries since the state was read. What is under way ends first; then all is forgotten.
    /// </summary>
    public bool IsOutdated { get; set; }

    /// <summary>Whether nothing is under way and nothing waits.</summary>
    public bool IsUnused => Phase == Phase.Idle && Waiting.Count == 0 && Held.Count == 0;

    /// <summary>Whether the state in memory answers a peek: it was read, and no newer entry is known of.</summary>
    public bool CanBePeeked => Stream is not null && Phase != Phase.Loading && !Progress.IsStale;

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
        (Failures, SnapshotMax, ReceiptsSnapshotMax) = (0, long.MaxValue, long.MaxValue);
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

    /// <summary>
    /// Forgets the entries: the log has lost some of them, by a fail-over or a restore. The next read begins without
    /// them.
    /// </summary>
    /// <param name="revision">The last revision of the log.</param>
    public void ForgetEntries(long revision)
    {
        Stream = null;
        Progress = Progress.Start.Doubt();
        SnapshotMax = Math.Min(SnapshotMax, revision);
    }

    /// <summary>Forgets the receipts, of which the log has lost some.</summary>
    /// <param name="revision">The last revision of the log.</param>
    public void ForgetReceipts(long revision)
    {
        Receipts = null;
        Doubt();
        ReceiptsSnapshotMax = Math.Min(ReceiptsSnapshotMax, revision);
    }

    /// <summary>Forgets everything that was read: the log has lost entries.</summary>
    public void ForgetRead()
    {
        IsOutdated = false;
        ForgetEntries(long.MaxValue);
        ForgetReceipts(long.MaxValue);
    }

    /// <summary>
    /// Takes messages that need a preparation out of the queue, and later messages of their senders with them.
    /// </summary>
    public void HoldBack(Func<PendingSend, bool> needs)
    {
        if (Held.Count > 0 || NeedsAny(needs))
            MoveToHeld(needs);
    }

    /// <summary>Whether a waiting message needs a preparation; costs no allocation, as hardly any does.</summary>
    private bool NeedsAny(Func<PendingSend, bool> needs)
    {
        foreach (var request in Waiting)
        {
            if (request is PendingSend send && needs(send))
                return true;
        }

        return false;
    }

    private void MoveToHeld(Func<PendingSend, bool> needs)
    {
        var senders = Held.Select(send => send.Command.Sender).ToHashSet();
        for (var left = Waiting.Count; left > 0; left--)
        {
            var request = Waiting.Dequeue();
            if (request is PendingSend send && (senders.Contains(send.Command.Sender) || needs(send)))
            {
                Held.Add(send);
                senders.Add(send.Command.Sender);
            }
            else
            {
                Waiting.Enqueue(request);
            }
        }
    }

    /// <summary>Adds a request at the end of the queue.</summary>
    public void Enqueue(Pending request)
    {
        request.Arrival = _arrivals++;
        Waiting.Enqueue(request);
    }

    /// <summary>Gives requests their places in the queue again, by their arrival.</summary>
    public void PutBack(IReadOnlyList<Pending> requests)
    {
        if (requests.Count == 0)
            return;
        Pending[] all = [.. requests, .. Waiting];
        Waiting.Clear();
        foreach (var request in all.OrderBy(request => request.Arrival))
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
