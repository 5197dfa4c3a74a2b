using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using Microsoft.Extensions.Logging;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Decides the requests that wait for one conversation, against its state in memory. It takes nothing from the queue
/// and answers nothing: the partition does both with the decision.
/// </summary>
internal sealed class Decider(IEventCodec codec, SentIds sentIds, TimeProvider clock, ILogger logger)
{
    /// <summary>
    /// The most requests of one conversation in one batch: well below <see cref="RecentMessages.WindowMax"/>, so that
    /// the messages that a batch accepts stay in the window while it is decided.
    /// </summary>
    private const int RequestsMax = RecentMessages.WindowMax / 8;

    /// <summary>From so many bytes on, an append takes no further request of the conversation.</summary>
    private const int BytesMax = EventData.SizeMax / 2;

    /// <summary>
    /// Whether the message's id must be looked up in the read side before the message can be decided.
    /// </summary>
    public bool NeedsLookUp(StreamState<Conversation> stream, PendingSend request)
    {
        var recent = stream.State.Recent;
        var (sender, message) = (request.Command.Sender, request.Command.MessageId);
        if (recent.Find(sender, message) is not null)
            return false;
        if (request.LookedUp is { } found && (stream.Revision <= found.Through || recent.HasAllAfter(found.Through)))
            return false;
        var isNewHere = stream.State.Kind is null || recent.ProvesNew(sender, message);
        return !isNewHere || !sentIds.ProvesNew(sender, message, clock.GetUtcNow());
    }

    /// <summary>
    /// Whether it is not known yet whether the message's files may be sent. A retry is answered without.
    /// </summary>
    public static bool NeedsFiles(StreamState<Conversation> stream, PendingSend request) =>
        request is { MaySend.IsCompletedSuccessfully: false, LookedUp: not { Earlier: not null } }
        && stream.State.Recent.Find(request.Command.Sender, request.Command.MessageId) is null;

    /// <summary>
    /// Decides the first requests that wait, as many as one append has room for. A request that has no room in an
    /// append of its own is refused. A request whose decision throws something unexpected, which is a defect, fails
    /// alone.
    /// </summary>
    /// <param name="committed">The newest position that this node has committed.</param>
    /// <param name="decided">How many requests from the queue's front were decided.</param>
    /// <returns>
    /// Null when the state may be behind the log and would refuse the first request, or change nothing: it must be read
    /// first.
    /// </returns>
    public Decision? Decide(CachedConversation conversation, LogPosition committed, out int decided)
    {
        try
        {
            return Decide(conversation, committed, RequestsMax, out decided);
        }
        catch (Exception)
        {
            return DecideFirst(conversation, committed, out decided);
        }
    }

    /// <summary>Decides one request by itself, so that its defect is not everybody's.</summary>
    private Decision? DecideFirst(CachedConversation conversation, LogPosition committed, out int decided)
    {
        try
        {
            return Decide(conversation, committed, most: 1, out decided);
        }
        catch (Exception defect)
        {
            var request = conversation.Waiting.Peek();
            logger.LogError(
                defect, "Deciding a {Request} of conversation {Conversation} failed.", request.GetType().Name,
                conversation.Id);
            return Refuse(conversation, request, defect, out decided);
        }
    }

    private Decision? Decide(CachedConversation conversation, LogPosition committed, int most, out int decided)
    {
        var decision = new Decision(conversation);
        var now = Milliseconds(clock.GetUtcNow());
        Dictionary<(UserId, DeviceId, Type), PendingReceipt>? receipts = null;
        decided = 0;
        foreach (var request in conversation.Waiting)
        {
            if (decided >= most || decision.Stream.Bytes > BytesMax)
                break;
            if (!TryDecide(decision, request, now, committed, ref receipts))
            {
                if (decided == 0)
                    return null;
                break; // The requests before this one do not wait for the read.
            }

            if (decision.Stream.Bytes > EventData.SizeMax)
            {
                // Decided again without the request that has no room.
                return decided > 0
                    ? Decide(conversation, committed, most: decided, out decided)
                    : Refuse(conversation, request, new RefusedException(Refusal.TooLarge), out decided);
            }

            decided++;
        }

        if (receipts is not null)
            Acknowledge(decision, receipts.Values, now);
        return decision;
    }

    /// <returns>
    /// False when the outcome is a refusal, or that nothing is to be done, by a state that was read before the request
    /// arrived: another node may have written since.
    /// </returns>
    private bool TryDecide(
        Decision decision, Pending request, DateTimeOffset now, LogPosition committed,
        ref Dictionary<(UserId, DeviceId, Type), PendingReceipt>? receipts)
    {
        try
        {
            switch (request)
            {
                case PendingChange change:
                    return TryChange(decision, change, now);
                case PendingSend send:
                    Send(decision, send, now, committed);
                    break;
                case PendingReceipt receipt:
                    Gather(decision, receipt, ref receipts);
                    break;
            }

            return true;
        }
        catch (RefusedException refused)
        {
            if (!request.IsReadSince)
                return false;
            var answers = request is PendingReceipt ? decision.ReceiptAnswers : decision.Answers;
            answers.Add(Answer.Refuse(request, refused));
            return true;
        }
    }

    private static Decision Refuse(CachedConversation conversation, Pending request, Exception reason, out int decided)
    {
        var decision = new Decision(conversation);
        decision.Answers.Add(Answer.Refuse(request, reason));
        decided = 1;
        return decision;
    }

    private bool TryChange(Decision decision, PendingChange request, DateTimeOffset now)
    {
        request.Decided = Conversation.Decide(decision.Stream.State, request.Command, now);
        if (request.Decided.Count == 0 && !request.IsReadSince)
            return false;
        Add(decision, request, request.Decided);
        decision.Answers.Add(new Answer(request, null, 0, now, IsRepeated: request.Decided.Count == 0));
        return true;
    }

    private void Send(Decision decision, PendingSend request, DateTimeOffset now, LogPosition committed)
    {
        var command = request.Command;
        if (FindEarlier(decision, request) is { } earlier)
        {
            if (!command.Repeats(earlier.Fingerprint))
                throw new RefusedException(Refusal.MessageIdReused);
            decision.Answers.Add(new Answer(request, null, earlier.Seq, earlier.SentAt, IsRepeated: true));
            return;
        }

        if (request.Unsealable is { } refused)
            throw refused;
        var events = Conversation.Decide(decision.Stream.State, command, now);
        if (request.MaySend is { } maySend && maySend is not { IsCompletedSuccessfully: true, Result: true })
            throw new RefusedException(Refusal.FileNotToSend);
        request.Claim = sentIds.TryClaim(command.Sender, command.MessageId, request.Conversation, now, committed)
            ?? throw new RefusedException(Refusal.MessageIdReused);
        Add(decision, request, events);
        decision.Answers.Add(new Answer(request, null, decision.Stream.Revision, events[^1].At, IsRepeated: false));
    }

    /// <summary>
    /// The message that was accepted under the same id: before this batch, in it, or so long ago that it was looked up.
    /// </summary>
    private static AcceptedMessage? FindEarlier(Decision decision, PendingSend request)
    {
        var (sender, message) = (request.Command.Sender, request.Command.MessageId);
        var recent = decision.Conversation.Stream!.State.Recent.Find(sender, message)
            ?? decision.Stream.State.Recent.Find(sender, message);
        if (recent is not null || request.LookedUp is not { } found)
            return recent;
        if (found.Earlier is { } sent && sent.Conversation == request.Conversation)
            return new AcceptedMessage(message, sender, sent.Seq, sent.SentAt, sent.Fingerprint);
        return found.Earlier is null && !found.IsOfAnother
            ? null
            : throw new RefusedException(Refusal.MessageIdReused);
    }

    private void Add(Decision decision, Pending request, IReadOnlyList<ConversationEvent> events)
    {
        var stream = StreamName.Of(request.Conversation);
        foreach (var @event in events)
        {
            var recorded = decision.Stream.Add(codec, stream, @event, Context(request, @event.At));
            decision.Stream.State = Conversation.Evolve(decision.Stream.State, @event);
            var session = @event is ConversationEvent.MessageSent ? request.Origin.Session : null;
            decision.Live.Add(new LiveEntry(recorded, session, request.Sampled));
        }
    }

    /// <summary>Checks one receipt, and keeps only the highest of each device and kind.</summary>
    private static void Gather(
        Decision decision, PendingReceipt request, ref Dictionary<(UserId, DeviceId, Type), PendingReceipt>? receipts)
    {
        var conversation = decision.Conversation.Stream!.State;
        if (!conversation.IsMember(request.Command.User))
            throw new RefusedException(Refusal.ConversationUnknown);
        if (request.Command.UpToSeq > conversation.LastSeq)
            throw new RefusedException(Refusal.SeqBeyondEnd);

        decision.ReceiptAnswers.Add(new Answer(request, null, request.Command.UpToSeq, default, IsRepeated: false));
        receipts ??= [];
        var key = (request.Command.User, request.Command.Device, request.Command.GetType());
        if (!receipts.TryGetValue(key, out var highest) || highest.Command.UpToSeq < request.Command.UpToSeq)
            receipts[key] = request;
    }

    private void Acknowledge(Decision decision, IEnumerable<PendingReceipt> highest, DateTimeOffset now)
    {
        var receipts = decision.Receipts!;
        var stream = StreamName.OfReceipts(decision.Conversation.Id);
        foreach (var request in highest)
        {
            var lastSeq = decision.Conversation.Stream!.State.LastSeq;
            var events = Watermarks.Decide(receipts.State, request.Command, lastSeq, now);
            if (events.Count == 0)
                continue;
            decision.Raised.Add(new RaisedMark(request, receipts.State.Of(request.Command.User), now));
            foreach (var @event in events)
            {
                receipts.Add(codec, stream, @event, Context(request, @event.At));
                receipts.State = Watermarks.Evolve(receipts.State, @event);
            }
        }
    }

    private static EventContext Context(Pending request, DateTimeOffset at) => new(
        Guid.CreateVersion7(at), at, request.Origin.Actor, request.Origin.CorrelationId,
        (request as PendingSend)?.Command.MessageId.Value);

    /// <summary>Cuts a time to whole milliseconds, UTC.</summary>
    private static DateTimeOffset Milliseconds(DateTimeOffset time) =>
        new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
}
