using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>What was decided for one conversation in one batch: the events, the state after them, and who is to be answered what.</summary>
internal sealed class Decision(Entry entry)
{
    public Entry Entry { get; } = entry;

    public DraftedStream<Conversation> Conversation { get; } = new(entry.Conversation!);
    public DraftedStream<Watermarks>? Receipts { get; } = entry.Receipts is null ? null : new(entry.Receipts);

    public List<Answer> Answers { get; } = [];
    public List<Answer> ReceiptAnswers { get; } = [];
    public List<LiveEntry> Live { get; } = [];
    public List<RaisedMark> Raised { get; } = [];

    public int EventCount => Conversation.Events.Count + (Receipts?.Events.Count ?? 0);
    public int Bytes => Conversation.Bytes + (Receipts?.Bytes ?? 0);
    public bool HasEvents => EventCount > 0;
}

/// <summary>A receipt that raises somebody's watermark.</summary>
/// <param name="Before">The watermark before it.</param>
internal readonly record struct RaisedMark(AcknowledgeWork Work, Watermark Before, DateTimeOffset At);

/// <summary>A stream as it will be once the drafted events are in the log.</summary>
internal sealed class DraftedStream<TState>(StreamState<TState> from)
{
    public TState State { get; set; } = from.State;
    public long Revision { get; private set; } = from.Revision;
    public ReadOnlyMemory<byte> Hash { get; private set; } = from.Hash;
    public List<EventData> Events { get; } = [];
    public int Bytes { get; private set; }

    public StreamAppend Append(string stream) => new(stream, from.Revision, Events);

    public StreamState<TState> At(LogPosition position) => new(State, Revision, Hash, position);

    /// <summary>Links an event to the last one. The position is not known yet.</summary>
    public Recorded Add(IEventCodec codec, string stream, object @event, EventContext context)
    {
        var (data, hash) = codec.Encode(@event, context, Hash);
        Events.Add(data);
        Bytes += data.Size;
        Hash = hash;
        Revision++;
        return new Recorded(@event, stream, Revision, LogPosition.Start, context.EventId, context.At, context.Actor, hash);
    }
}

/// <summary>The answer to one command, given once its batch is durable.</summary>
/// <param name="Refused">The refusal; null when it succeeded.</param>
/// <param name="Seq">The message's seq.</param>
/// <param name="Repeated">The command was true already.</param>
internal readonly record struct Answer(Work Work, Exception? Refused, long Seq, DateTimeOffset At, bool Repeated)
{
    public static Answer No(Work work, Exception refused) => new(work, refused, -1, default, false);

    public void Give(LogPosition position)
    {
        if (Refused is not null)
        {
            Work.Fail(Refused);
            return;
        }

        switch (Work)
        {
            case SendWork w:
                w.Complete(new Sent(w.Conversation, w.Command.MessageId, Seq, At, Repeated, position));
                break;
            case ChangeWork w:
                w.Complete(new Changed(w.Decided, position));
                break;
            case AcknowledgeWork w:
                w.Complete(position);
                break;
        }
    }
}
