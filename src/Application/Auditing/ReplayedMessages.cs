using ChatCqrs.Application.Ports;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Auditing;
using ChatCqrs.Projections.Timeline;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Application.Auditing;

/// <summary>
/// The messages of one replay: those that are needed for a page of entries are known, the others are looked up again
/// when something is done to them. Of messages that go by time, the moment is kept.
/// </summary>
internal sealed class ReplayedMessages(
    ReplayParts parts, AuditedConversation conversation, Moment end, OpenedMatter? matter, ReplayWriter lines,
    IReadOnlyList<ShorteningEntry> shortenings)
{
    /// <summary>The most messages, reactions and votes that are known between two pages.</summary>
    private const int KnownMax = 20_000;

    /// <summary>Messages that are read at once.</summary>
    private const int ReadAtOnce = 256;

    /// <summary>Messages that are opened at once; each may be large.</summary>
    private const int OpenedAtOnce = 32;

    private readonly PriorityQueue<long, DueMoment> _due = new();
    private readonly Dictionary<long, Known> _known = [];
    private int _weight;

    /// <summary>The last entry that was written.</summary>
    public long LastSeq { get; private set; } = -1;

    /// <summary>The time of the last line.</summary>
    public DateTimeOffset Now { get; private set; } = DateTimeOffset.MinValue;

    private int AtOnce => matter is { Content: true } ? OpenedAtOnce : ReadAtOnce;

    /// <summary>Whether messages go by a moment.</summary>
    public bool AreDue(DueMoment moment) => _due.TryPeek(out _, out var next) && next <= moment;

    /// <summary>Writes all messages of the first line.</summary>
    public async Task WriteAllAsync(
        Moment moment, IReadOnlyList<ShorteningEntry> earlier, CancellationToken cancellationToken)
    {
        for (var from = 0L; ;)
        {
            var rows = await parts.Timeline.MessagesAsync(
                conversation.Id, from, moment.Seq, newestFirst: false, AtOnce, cancellationToken);
            var messages = await parts.Messages.AtAsync(
                conversation, rows, earlier, moment, matter is { Content: true }, cancellationToken);
            await parts.Views.PrepareAsync(conversation.Id, messages, matter, cancellationToken);
            foreach (var message in messages)
            {
                var shown = await parts.Views.ShowAsync(conversation.Id, message, matter, cancellationToken);
                lines.Entry(AuditedViews.Of(message.Message, shown));
                Expect(message, moment.Seq);
            }

            await lines.RestAsync();
            if (rows.Count < AtOnce)
                break;
            from = rows[^1].Seq + 1;
        }

        (LastSeq, Now) = (moment.Seq, moment.At);
    }

    /// <summary>Looks up what a page of entries will need.</summary>
    public async Task PrepareAsync(
        IReadOnlyList<(long Seq, ConversationEvent Entry)> page, CancellationToken cancellationToken)
    {
        if (page.Count == 0)
            return;
        if (_weight > KnownMax)
            Forget();
        var targets = new SortedSet<long>(DueBy(page[^1].Entry.At));
        foreach (var (_, entry) in page)
        {
            if (entry is MessagesExpired expired)
                targets.UnionWith(expired.Messages.Select(message => message.Seq));
            else if (TimelineProjection.TargetOf(entry) is >= 0 and var target)
                targets.Add(target);
        }

        await LookUpAsync(targets, page[0].Seq - 1, cancellationToken);
    }

    /// <summary>Looks up what goes by a time after the last entry.</summary>
    public Task PrepareAsync(DateTimeOffset time, CancellationToken cancellationToken) =>
        LookUpAsync(new SortedSet<long>(DueBy(time)), LastSeq, cancellationToken);

    public async ValueTask SendAsync(long seq, MessageSent sent, CancellationToken cancellationToken)
    {
        var message = new MessageAtMoment(AuditedMessage.Of(seq, sent).By(sent.At), IsInLog: true);
        var shown = await parts.Views.ShowAsync(conversation.Id, message, matter, cancellationToken);
        lines.Entry(AuditedViews.Of(message.Message, shown));
        Keep(message, shown);
        Expect(message, seq);
    }

    /// <summary>What an edit, a deletion, a reaction or a vote changes.</summary>
    public async ValueTask ChangeAsync(ConversationEvent entry, CancellationToken cancellationToken)
    {
        if (TimelineProjection.TargetOf(entry) is not { } seq || !_known.TryGetValue(seq, out var known)
            || known.Message.Message.Gone is not null)
            return;
        var before = known.Message.Message;
        var now = known.Message with { Message = before.After(entry) };
        var path = ReplayWriter.PathOf(seq);
        var shown = known.Shown;
        switch (entry)
        {
            case MessageDeleted deleted:
                WriteGone(seq, known, "deleted");
                lines.Time(path + "/deleted_at", deleted.At);
                shown = new Shown(Sealed: false, "deleted");
                break;
            case MessageEdited edited:
                shown = await WriteEditAsync(seq, known, now, cancellationToken);
                lines.Time(path + "/edited_at", edited.At);
                break;
            case ReactionSet or ReactionCleared:
                lines.Users(path + "/reactions", AuditedViews.ReactionsOf(now.Message));
                break;
            case VoteSet or VoteCleared when before.Type == MessageType.Poll:
                lines.Users(path + "/votes", AuditedViews.VotesOf(now.Message));
                break;
        }

        _weight += WeightOf(now.Message) - WeightOf(before);
        _known[seq] = new Known(Without(now), shown);
    }

    /// <summary>A message expires by an entry, unless it has gone before.</summary>
    public void Expire(long seq)
    {
        if (!_known.TryGetValue(seq, out var known) || known.Message.Message.Gone is not null)
            return;
        WriteGone(seq, known, "expired");
        _known[seq] = new Known(
            known.Message with { Message = known.Message.Message.Went(GoneReason.Expired) },
            new Shown(Sealed: false, "expired"));
    }

    /// <summary>Writes what has gone by a moment, into the line that is being written.</summary>
    /// <param name="seq">The entry that is being written, or the last one.</param>
    public void GoBy(DueMoment moment, long seq)
    {
        while (_due.TryPeek(out var due, out var at) && at <= moment)
        {
            _due.Dequeue();
            Expire(due);
        }

        (LastSeq, Now) = (seq, moment.At > Now ? moment.At : Now);
    }

    private async ValueTask<Shown> WriteEditAsync(
        long seq, Known known, MessageAtMoment now, CancellationToken cancellationToken)
    {
        var shown = await parts.Views.ShowAsync(conversation.Id, now, matter, cancellationToken);
        var path = ReplayWriter.PathOf(seq);
        if (shown.Content is not null || !known.Shown.Sealed || !shown.Sealed)
            lines.Content(seq, shown.Content);
        if (known.Shown.Sealed && !shown.Sealed)
            lines.Remove(path + "/sealed");
        else if (shown.Sealed && !known.Shown.Sealed)
            lines.Flag(path + "/sealed");
        if (shown.Gone is not null)
            lines.Text(path + "/gone", shown.Gone);
        else if (known.Shown.Gone is not null)
            lines.Remove(path + "/gone");
        return new Shown(shown.Sealed, shown.Gone);
    }

    private void WriteGone(long seq, Known known, string reason)
    {
        var path = ReplayWriter.PathOf(seq);
        lines.Content(seq, null);
        if (known.Shown.Sealed)
            lines.Remove(path + "/sealed");
        lines.Text(path + "/gone", reason);
        lines.Empty(path + "/reactions");
        if (known.Message.Message.Type == MessageType.Poll)
            lines.Empty(path + "/votes");
    }

    /// <summary>Keeps the moment at which a message goes, if that is within the replay.</summary>
    /// <param name="seq">The entry up to which its time is known to it.</param>
    private void Expect(MessageAtMoment message, long seq)
    {
        if (message.Message.Gone is not null)
            return;
        var later = message.IsInLog ? shortenings.Where(shortening => shortening.Seq > seq) : [];
        if (DueMoment.Of(message.Message, later) is { } due && due.At <= end.At)
            _due.Enqueue(message.Message.Seq, due);
    }

    private void Keep(MessageAtMoment message, ShownContent shown)
    {
        _known[message.Message.Seq] = new Known(Without(message), new Shown(shown.Sealed, shown.Gone));
        _weight += WeightOf(message.Message);
    }

    private static int WeightOf(AuditedMessage message) => 1 + message.Reactions.Length + message.Votes.Length;

    private async Task LookUpAsync(
        SortedSet<long> targets, long lastSeq, CancellationToken cancellationToken)
    {
        foreach (var part in targets.Where(seq => seq <= lastSeq && !_known.ContainsKey(seq)).ToList().Chunk(AtOnce))
        {
            var rows = await parts.Timeline.MessagesAsync(conversation.Id, part, cancellationToken);
            var moment = new Moment(lastSeq, Now, Now);
            var messages = await parts.Messages.AtAsync(
                conversation, [.. rows.OrderBy(row => row.Seq)],
                [.. shortenings.Where(shortening => shortening.Seq <= lastSeq)], moment, matter is { Content: true },
                cancellationToken);
            await parts.Views.PrepareAsync(conversation.Id, messages, matter, cancellationToken);
            foreach (var message in messages)
                Keep(message, await parts.Views.ShowAsync(conversation.Id, message, matter, cancellationToken));
        }
    }

    /// <summary>The messages that go by a time.</summary>
    private List<long> DueBy(DateTimeOffset time)
    {
        var found = new List<(long Seq, DueMoment Due)>();
        while (_due.TryPeek(out var seq, out var due) && due.At <= time)
            found.Add((_due.Dequeue(), due));
        foreach (var (seq, due) in found)
            _due.Enqueue(seq, due);
        return [.. found.Select(item => item.Seq)];
    }

    private void Forget()
    {
        _known.Clear();
        _weight = 0;
    }

    /// <summary>Contents are not kept: they may be large.</summary>
    private static MessageAtMoment Without(MessageAtMoment message) =>
        message with { Message = message.Message with { Content = null } };

    private readonly record struct Shown(bool Sealed, string? Gone);

    private sealed record Known(MessageAtMoment Message, Shown Shown);
}
