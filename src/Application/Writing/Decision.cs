using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// What was decided for one conversation in one batch: the events, the state after them, and the answers.
/// </summary>
internal sealed class Decision(CachedConversation conversation)
{
    public CachedConversation Conversation { get; } = conversation;

    public DraftedStream<Conversation> Stream { get; } = new(conversation.Stream!);

    /// <summary>Null when the receipts' stream is not in memory.</summary>
    public DraftedStream<Watermarks>? Receipts { get; } =
        conversation.Receipts is null ? null : new(conversation.Receipts);

    /// <summary>The answers that hold once the entries are in the log.</summary>
    public List<Answer> Answers { get; } = [];

    /// <summary>The answers that hold once the receipts are in the log.</summary>
    public List<Answer> ReceiptAnswers { get; } = [];

    /// <summary>The entries for sockets, without their positions.</summary>
    public List<LiveEntry> Live { get; } = [];

    public List<RaisedMark> Raised { get; } = [];

    public int EventCount => Stream.Events.Count + (Receipts?.Events.Count ?? 0);

    public int Bytes => Stream.Bytes + (Receipts?.Bytes ?? 0);

    public bool HasEvents => EventCount > 0;
}

/// <summary>A receipt that raises a member's watermark.</summary>
/// <param name="Before">The watermark before it.</param>
internal readonly record struct RaisedMark(PendingReceipt Request, Watermark Before, DateTimeOffset At);

/// <summary>A stream as it will be once the drafted events are in the log.</summary>
internal sealed class DraftedStream<TState>(StreamState<TState> from)
{
    public TState State { get; set; } = from.State;

    /// <summary>The revision that the append expects: that of the last event before the drafted ones.</summary>
    public long ExpectedRevision => from.Revision;

    public long Revision { get; private set; } = from.Revision;

    public ReadOnlyMemory<byte> Hash { get; private set; } = from.Hash;

    public List<EventData> Events { get; } = [];

    public bool HasEvents => Events.Count > 0;

    public int Bytes { get; private set; }

    public StreamAppend Append(string stream) => new(stream, ExpectedRevision, Events);

    public StreamState<TState> At(LogPosition position) => new(State, Revision, Hash, position);

    /// <summary>Links an event to the last one. Its position is not known yet.</summary>
    public Recorded Add(IEventCodec codec, string stream, object @event, EventContext context)
    {
        var (data, hash) = codec.Encode(@event, context, Hash);
        Events.Add(data);
        Bytes += data.Size;
        Hash = hash;
        Revision++;
        return new Recorded(
            @event, stream, Revision, LogPosition.Start, context.EventId, context.At, context.Actor, hash);
    }
}

/// <summary>The answer to one request, given once its batch is durable.</summary>
/// <param name="Refused">The refusal; null when the request succeeded.</param>
/// <param name="Seq">The message's seq.</param>
/// <param name="IsRepeated">The request was fulfilled before.</param>
internal readonly record struct Answer(
    Pending Request, Exception? Refused, long Seq, DateTimeOffset At, bool IsRepeated)
{
    public static Answer Refuse(Pending request, Exception refused) => new(request, refused, -1, default, false);

    /// <summary>Completes a request that succeeded.</summary>
    public void Give(LogPosition position)
    {
        switch (Request)
        {
            case PendingSend send:
                send.Complete(new Sent(send.Conversation, send.Command.MessageId, Seq, At, IsRepeated, position));
                break;
            case PendingChange change:
                change.Complete(new Changed(change.Decided, position));
                break;
            case PendingReceipt receipt:
                receipt.Complete(position);
                break;
        }
    }
}
