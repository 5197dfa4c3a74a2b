using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Decides what waits for one conversation, against its state in memory. Nothing is taken from the queue and nothing is answered here; the
/// partition does that with the result.
/// </summary>
internal sealed class Decider(IEventCodec codec, SentIds sentIds, TimeProvider clock)
{
    /// <summary>
    /// The most commands of one conversation in one batch: well below <see cref="RecentMessages.WindowMax"/>, so that what a batch accepts stays in
    /// the window while the batch is decided.
    /// </summary>
    private const int CommandsMax = RecentMessages.WindowMax / 8;

    /// <summary>Room left for one more event in an append, in bytes.</summary>
    private const int BytesMax = EventData.SizeMax / 2;

    /// <summary>Whether the message's id must be looked up in the read side before it can be decided.</summary>
    public bool NeedsLookUp(StreamState<Conversation> conversation, SendWork work)
    {
        var recent = conversation.State.Recent;
        var command = work.Command;
        if (recent.Find(command.Sender, command.MessageId) is not null)
            return false;
        if (work.LookedUp is { } known && (conversation.Revision <= known.Through || recent.HasAllAfter(known.Through)))
            return false;
        return conversation.State.Kind is not null && !recent.ProvesNew(command.Sender, command.MessageId)
            || !sentIds.ProvesNew(command.Sender, command.MessageId, clock.GetUtcNow());
    }

    /// <summary>Decides the first commands that wait, as many as one append has room for. What has no room by itself is refused by itself.</summary>
    /// <param name="committed">The newest position that this node has committed.</param>
    /// <param name="decided">How many commands from the queue's front were decided.</param>
    /// <returns>Null when a refusal must first be checked against the log, because the state may be behind it.</returns>
    public Decision? Decide(Entry entry, LogPosition committed, out int decided) => Decide(entry, committed, CommandsMax, out decided);

    private Decision? Decide(Entry entry, LogPosition committed, int most, out int decided)
    {
        var decision = new Decision(entry);
        var now = Milliseconds(clock.GetUtcNow());
        Dictionary<(UserId, DeviceId, Type), AcknowledgeWork>? receipts = null;
        decided = 0;
        foreach (var work in entry.Waiting)
        {
            if (decided >= most || decision.Conversation.Bytes > BytesMax)
                break;
            try
            {
                switch (work)
                {
                    case ChangeWork w:
                        Change(decision, w, now);
                        break;
                    case SendWork w:
                        Send(decision, w, now, committed);
                        break;
                    case AcknowledgeWork w:
                        Gather(decision, w, ref receipts);
                        break;
                }
            }
            catch (RefusedException refused)
            {
                if (!work.Fresh && decided == 0)
                    return null;
                if (!work.Fresh)
                    break; // What stands before it is not held up by it.
                (work is AcknowledgeWork ? decision.ReceiptAnswers : decision.Answers).Add(Answer.No(work, refused));
            }

            if (decision.Conversation.Bytes > EventData.SizeMax)
                return decided > 0 ? Decide(entry, committed, decided, out decided) : Refuse(entry, work, out decided);
            decided++;
        }

        if (receipts is not null)
            Acknowledge(decision, receipts.Values, now);
        return decision;
    }

    private static Decision Refuse(Entry entry, Work work, out int decided)
    {
        var decision = new Decision(entry);
        decision.Answers.Add(Answer.No(work, new RefusedException(Refusal.TooLarge)));
        decided = 1;
        return decision;
    }

    private void Change(Decision decision, ChangeWork work, DateTimeOffset now)
    {
        work.Decided = Conversation.Decide(decision.Conversation.State, work.Command, now);
        Add(decision, work, work.Decided);
        decision.Answers.Add(new Answer(work, null, 0, now, Repeated: work.Decided.Count == 0));
    }

    private void Send(Decision decision, SendWork work, DateTimeOffset now, LogPosition committed)
    {
        var command = work.Command;
        var earlier = decision.Entry.Conversation!.State.Recent.Find(command.Sender, command.MessageId)
            ?? decision.Conversation.State.Recent.Find(command.Sender, command.MessageId)
            ?? Earlier(work);
        if (earlier is not null)
        {
            if (earlier.Fingerprint != command.Fingerprint)
                throw new RefusedException(Refusal.MessageIdReused);
            decision.Answers.Add(new Answer(work, null, earlier.Seq, earlier.SentAt, Repeated: true));
            return;
        }

        if (work.Unsealable is { } refused)
            throw refused;
        var events = Conversation.Decide(decision.Conversation.State, command, now);
        if (!sentIds.TryClaim(command.Sender, command.MessageId, work.Conversation, now, committed))
            throw new RefusedException(Refusal.MessageIdReused);
        Add(decision, work, events);
        decision.Answers.Add(new Answer(work, null, decision.Conversation.Revision, events[^1].At, Repeated: false));
    }

    private static AcceptedMessage? Earlier(SendWork work)
    {
        if (work.LookedUp?.Earlier is not { } sent)
            return null;
        return sent.Conversation == work.Conversation
            ? new AcceptedMessage(work.Command.MessageId, work.Command.Sender, sent.Seq, sent.SentAt, sent.Fingerprint)
            : throw new RefusedException(Refusal.MessageIdReused);
    }

    private void Add(Decision decision, Work work, IReadOnlyList<ConversationEvent> events)
    {
        var stream = StreamName.Of(work.Conversation);
        foreach (var @event in events)
        {
            var recorded = decision.Conversation.Add(codec, stream, @event, Context(work, @event.At));
            decision.Conversation.State = Conversation.Evolve(decision.Conversation.State, @event);
            decision.Live.Add(new LiveEntry(recorded, @event is ConversationEvent.MessageSent ? work.Origin.Session : null, work.Request));
        }
    }

    /// <summary>Checks an acknowledgement by itself, and keeps of those of one device only the highest.</summary>
    private static void Gather(
        Decision decision, AcknowledgeWork work, ref Dictionary<(UserId, DeviceId, Type), AcknowledgeWork>? receipts)
    {
        var conversation = decision.Entry.Conversation!.State;
        if (!conversation.IsMember(work.Command.User))
            throw new RefusedException(Refusal.ConversationUnknown);
        if (work.Command.UpToSeq > conversation.LastSeq)
            throw new RefusedException(Refusal.SeqBeyondEnd);

        decision.ReceiptAnswers.Add(new Answer(work, null, work.Command.UpToSeq, default, Repeated: false));
        receipts ??= [];
        var key = (work.Command.User, work.Command.Device, work.Command.GetType());
        if (!receipts.TryGetValue(key, out var highest) || highest.Command.UpToSeq < work.Command.UpToSeq)
            receipts[key] = work;
    }

    private void Acknowledge(Decision decision, IEnumerable<AcknowledgeWork> highest, DateTimeOffset now)
    {
        var receipts = decision.Receipts!;
        var stream = StreamName.OfReceipts(decision.Entry.Id);
        foreach (var work in highest)
        {
            var events = Watermarks.Decide(receipts.State, work.Command, decision.Entry.Conversation!.State.LastSeq, now);
            if (events.Count == 0)
                continue;
            decision.Raised.Add(new RaisedMark(work, receipts.State.Of(work.Command.User), now));
            foreach (var @event in events)
            {
                receipts.Add(codec, stream, @event, Context(work, @event.At));
                receipts.State = Watermarks.Evolve(receipts.State, @event);
            }
        }
    }

    private static EventContext Context(Work work, DateTimeOffset at) => new(
        Guid.CreateVersion7(at), at, work.Origin.Actor, work.Origin.CorrelationId,
        (work as SendWork)?.Command.MessageId.Value);

    private static DateTimeOffset Milliseconds(DateTimeOffset time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
}
