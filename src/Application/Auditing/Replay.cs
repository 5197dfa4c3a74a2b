using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Auditing;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// One replay: entries from the log, with the receipts between them and the messages that go by time.
/// <see cref="ReplayedMessages"/> knows the messages.
/// </summary>
internal sealed class Replay : IAsyncDisposable
{
    /// <summary>The type of the line that brings receipts which the log no longer holds.</summary>
    private const string LostReceipts = "receipts";

    /// <summary>The type of the line after the last event, if messages have gone since.</summary>
    private const string Expiry = "expiry";

    /// <summary>Receipts after the last entry that are looked through at once for messages that go.</summary>
    private const int ReceiptsAtOnce = 512;

    private readonly ReplayParts _parts;
    private readonly AuditedConversation _conversation;
    private readonly Moment? _begin;
    private readonly Moment _end;
    private readonly bool _isCut;
    private readonly OpenedMatter? _matter;
    private readonly ReplayWriter _lines;
    private readonly ReceiptFeed _receipts;
    private readonly ReplayedMessages _messages;
    private readonly IReadOnlySet<UserId> _erased;
    private readonly Dictionary<UserId, WatermarkAtMoment> _marks;
    private readonly PriorityQueue<LoggedReceipt, (long UpTo, DateTimeOffset At)> _early = new();
    private ConversationAtMoment _state;
    private bool _bringsLost;

    private Replay(
        ReplayParts parts, AuditedConversation conversation, Moment? begin, Moment end, bool isCut,
        OpenedMatter? matter, ReplayWriter lines, ReceiptFeed receipts, ConversationAtMoment state,
        IReadOnlyList<ShorteningEntry> shortenings, IReadOnlySet<UserId> erased,
        IReadOnlyDictionary<UserId, WatermarkAtMoment> marks)
    {
        (_parts, _conversation, _begin, _end, _isCut) = (parts, conversation, begin, end, isCut);
        (_matter, _lines, _receipts, _state, _erased) = (matter, lines, receipts, state, erased);
        _marks = new Dictionary<UserId, WatermarkAtMoment>(marks);
        _messages = new ReplayedMessages(parts, conversation, end, matter, lines, shortenings);
        _bringsLost = conversation.Receipts.Revision > 0;
    }

    /// <param name="begin">The moment that the first line brings; null to begin before the first entry.</param>
    /// <param name="isCut">Whether the replay ends at an entry, and not now.</param>
    public static async Task<Replay> BeginAsync(
        ReplayParts parts, AuditedConversation conversation, Moment? begin, Moment end, bool isCut,
        OpenedMatter? matter, ReplayWriter lines, CancellationToken cancellationToken)
    {
        var whole = await parts.Conversations.AtAsync(conversation.Id, end.Seq, cancellationToken);
        var state = begin is null
            ? ConversationAtMoment.NotStarted
            : await parts.Conversations.AtAsync(conversation.Id, begin.Seq, cancellationToken);
        var users = await parts.Timeline.UsersAsync(conversation.Id, cancellationToken);
        var marks = begin is null
            ? new Dictionary<UserId, WatermarkAtMoment>()
            : await parts.Receipts.AtAsync(
                conversation, [.. users.Select(user => user.User)], begin, cancellationToken);
        var receipts = await ReceiptFeed.OpenAsync(
            parts.Log, conversation.Id, conversation.Receipts.Revision, begin?.At, cancellationToken);
        return new Replay(
            parts, conversation, begin, end, isCut, matter, lines, receipts, state, whole.Shortenings,
            users.Where(user => user.IsErased).Select(user => user.User).ToHashSet(), marks);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (_begin is not null)
            await WriteBeginningAsync(_begin, cancellationToken);
        await foreach (var page in _parts.Log.DecodedPagesAsync(
            StreamName.Of(_conversation.Id), (_begin?.Seq ?? -1) + 1, _end.Seq, cancellationToken))
            await WriteAsync(page, cancellationToken);
        if (!_isCut)
        {
            await WriteLaterReceiptsAsync(cancellationToken);
            await WriteExpiryAsync(cancellationToken);
        }

        await _lines.FlushAsync();
    }

    public ValueTask DisposeAsync() => _receipts.DisposeAsync();

    /// <summary>The line that brings the state at the beginning, however many entries it has.</summary>
    private async Task WriteBeginningAsync(Moment begin, CancellationToken cancellationToken)
    {
        var stored = await _parts.Log.OneAsync(StreamName.Of(_conversation.Id), begin.Seq, cancellationToken);
        var row = await _parts.Timeline.EntryAsync(_conversation.Id, begin.Seq, cancellationToken);
        var type = stored?.Type ?? TypeOf(row!.Kind);
        _lines.Begin(begin.Seq, begin.At, type, row!.Actor);
        await WriteConversationAsync(cancellationToken);
        foreach (var user in _state.State.MemberIds)
            _lines.Member(_state.State.Members[user], MarkOf(user));
        await _messages.WriteAllAsync(begin, _state.Shortenings, cancellationToken);
        await _lines.EndAsync();
    }

    private async Task WriteAsync(
        IReadOnlyList<(StoredEvent Stored, Recorded? Fact)> entries, CancellationToken cancellationToken)
    {
        await _messages.PrepareAsync(
            [.. entries.Where(entry => entry.Fact?.Event is ConversationEvent)
                .Select(entry => (entry.Stored.Revision, (ConversationEvent)entry.Fact!.Event))],
            cancellationToken);
        foreach (var (stored, fact) in entries)
        {
            if (fact?.Event is not ConversationEvent entry)
            {
                // It cannot be read: a verification names it.
                _lines.Begin(stored.Revision, _messages.Now, stored.Type, null);
                _messages.GoBy(new DueMoment(_messages.Now, stored.Revision), stored.Revision);
                await _lines.EndAsync();
                continue;
            }

            await WriteReceiptsAsync(fact.At, cancellationToken);
            _lines.Begin(stored.Revision, fact.At, stored.Type, fact.Actor.User);
            _messages.GoBy(new DueMoment(fact.At, stored.Revision), stored.Revision);
            await WriteAsync(stored.Revision, entry, cancellationToken);
            await _lines.EndAsync();
            while (_early.TryPeek(out var early, out _) && early.UpTo <= stored.Revision)
                await WriteAsync(_early.Dequeue());
        }
    }

    private async Task WriteAsync(long seq, ConversationEvent entry, CancellationToken cancellationToken)
    {
        switch (entry)
        {
            case MessageSent sent:
                await _messages.SendAsync(seq, sent, cancellationToken);
                return;
            case MessagesExpired expired:
                foreach (var message in expired.Messages)
                    _messages.Expire(message.Seq);
                return;
            case MessageEdited or MessageDeleted or ReactionSet or ReactionCleared or VoteSet or VoteCleared:
                await _messages.ChangeAsync(entry, cancellationToken);
                return;
        }

        var before = _state.State;
        _state = _state.After(seq, entry);
        var now = _state.State;
        if (before.Kind is null)
            await WriteConversationAsync(cancellationToken);
        else if (entry is GroupRenamed)
            await WriteTitleAsync(cancellationToken);
        else if (entry is RetentionChanged)
            _lines.Retention(RetentionOf(now));
        foreach (var user in before.MemberIds.Where(user => !now.IsMember(user)))
            _lines.Remove(ReplayWriter.PathOf(user));
        foreach (var user in now.MemberIds)
        {
            if (now.Members[user] != before.Members.GetValueOrDefault(user))
                _lines.Member(now.Members[user], MarkOf(user));
        }
    }

    private async Task WriteConversationAsync(CancellationToken cancellationToken)
    {
        _lines.Text("/type", _conversation.Kind);
        await WriteTitleAsync(cancellationToken);
        _lines.Text("/encryption", null);
        _lines.Retention(RetentionOf(_state.State));
        _lines.Empty("/members");
        _lines.Empty("/entries");
    }

    private async Task WriteTitleAsync(CancellationToken cancellationToken) => _lines.Text(
        "/title",
        await _parts.Views.TitleAsync(
            _conversation.Id, _state.State.Title, _state.TitleAt, _matter, cancellationToken));

    /// <summary>The receipts before an entry. One that comes before the entry of which it speaks waits.</summary>
    private async Task WriteReceiptsAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        while (await _receipts.PeekAsync() is { } next && next.At < before)
        {
            await WriteLostAsync(next.At, cancellationToken);
            _receipts.Take();
            if (next.UpTo > _messages.LastSeq)
                _early.Enqueue(next, (next.UpTo, next.At));
            else
                await WriteAsync(next);
        }

        if (_isCut && _messages.LastSeq == _end.Seq - 1)
            await WriteLostAsync(before, cancellationToken);
    }

    private async ValueTask WriteAsync(LoggedReceipt receipt)
    {
        if (receipt.At < _begin?.At && receipt.UpTo <= _begin.Seq)
            return; // The first line brought it.
        _lines.Begin(null, receipt.At, receipt.Type, receipt.User);
        _messages.GoBy(new DueMoment(receipt.At, long.MaxValue), _messages.LastSeq);
        Raise(receipt.User, MarkOf(receipt.User).Raise(receipt.Receipt));
        await _lines.EndAsync();
    }

    private void Raise(UserId user, WatermarkAtMoment mark)
    {
        if (_erased.Contains(user))
            return; // Nothing is kept of their receipts.
        var before = MarkOf(user);
        _marks[user] = mark;
        if (!_state.State.IsMember(user))
            return;
        if (mark.Delivered != before.Delivered)
            _lines.Seq(ReplayWriter.PathOf(user) + "/delivered_seq", mark.Delivered);
        if (mark.Read != before.Read)
            _lines.Seq(ReplayWriter.PathOf(user) + "/read_seq", mark.Read);
    }

    /// <summary>
    /// One line for the receipts that the log has lost and the views still know, at the time of the first one that is
    /// left.
    /// </summary>
    private async ValueTask WriteLostAsync(DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (!_bringsLost)
            return;
        _bringsLost = false;
        var marks = await _parts.Receipts.AtAsync(
            _conversation, [.. _state.State.MemberIds], new Moment(_messages.LastSeq, at, at), cancellationToken);
        if (marks.All(mark => mark.Value == MarkOf(mark.Key)))
            return;
        _lines.Begin(null, _messages.Now, LostReceipts, null);
        foreach (var (user, mark) in marks)
            Raise(user, MarkOf(user).Or(mark));
        await _lines.EndAsync();
    }

    /// <summary>The receipts after the last entry.</summary>
    private async Task WriteLaterReceiptsAsync(CancellationToken cancellationToken)
    {
        var next = new List<LoggedReceipt>();
        while (true)
        {
            next.Clear();
            while (next.Count < ReceiptsAtOnce && await _receipts.PeekAsync() is { } receipt
                && receipt.At < _end.ReceiptsBefore)
            {
                _receipts.Take();
                if (receipt.UpTo <= _end.Seq)
                    next.Add(receipt);
            }

            if (next.Count == 0)
                break;
            await WriteLostAsync(next[0].At, cancellationToken);
            await _messages.PrepareAsync(next[^1].At, cancellationToken);
            foreach (var receipt in next)
                await WriteAsync(receipt);
        }

        await WriteLostAsync(_end.ReceiptsBefore, cancellationToken);
    }

    /// <summary>What has gone since the last event.</summary>
    private async Task WriteExpiryAsync(CancellationToken cancellationToken)
    {
        await _messages.PrepareAsync(_end.At, cancellationToken);
        if (!_messages.AreDue(new DueMoment(_end.At, long.MaxValue)))
            return;
        _lines.Begin(null, _end.At, Expiry, null);
        _messages.GoBy(new DueMoment(_end.At, long.MaxValue), _messages.LastSeq);
        await _lines.EndAsync();
    }

    /// <summary>What is not known of receipts that the log has lost is not taken for nothing.</summary>
    private WatermarkAtMoment MarkOf(UserId user) =>
        _marks.TryGetValue(user, out var mark) ? mark
        : _erased.Contains(user) || _conversation.Receipts.Revision > 0 ? default
        : new WatermarkAtMoment(-1, -1);

    private RetentionInfo RetentionOf(Conversation state) =>
        new(_parts.Lifetimes.DaysOf(state.Retention), state.Retention.DisappearingSeconds);

    /// <summary>The wire name of an entry that is not in the log any more, by its kind in the views.</summary>
    private static string TypeOf(string kind) =>
        kind == Projections.Timeline.TimelineEntry.MessageKind ? "message-sent.v1" : kind.Replace('_', '-') + ".v1";
}
