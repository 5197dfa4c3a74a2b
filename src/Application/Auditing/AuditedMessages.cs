using ChatCqrs.Application.Ports;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Auditing;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Auditing;

/// <summary>A message at a moment.</summary>
/// <param name="IsInLog">Whether the log still holds it; else the views alone know its place.</param>
public sealed record MessageAtMoment(AuditedMessage Message, bool IsInLog);

/// <summary>
/// Messages as they stood at a moment: what was sent and its contents from the log, what was done to them by the views'
/// index. The work grows with the messages asked for, and with what was done to them.
/// </summary>
public sealed class AuditedMessages(IAuditTimeline timeline, AuditedLog log)
{
    /// <param name="rows">The places of the messages, ascending.</param>
    /// <param name="shortenings">All of the conversation up to the moment.</param>
    /// <param name="withContent">Whether contents are wanted; else they are left out, which costs less.</param>
    /// <returns>In the order of <paramref name="rows"/>.</returns>
    public async Task<IReadOnlyList<MessageAtMoment>> AtAsync(
        AuditedConversation conversation, IReadOnlyList<TimelineEntry> rows,
        IReadOnlyList<ShorteningEntry> shortenings, Moment moment, bool withContent,
        CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
            return [];
        var changes = await timeline.ChangesAsync(
            conversation.Id, [.. rows.Select(row => row.Seq)], moment.Seq, cancellationToken);
        var edits = withContent
            ? changes.Where(change => change.Update is ConversationEvent.MessageEdited).Select(change => change.Seq)
            : [];
        var logged = await log.EntriesAsync(
            conversation.Id,
            [.. rows.Select(row => row.Seq).Concat(edits).Where(seq => seq >= conversation.Entries.Revision).Order()],
            cancellationToken);
        var later = rows.Any(row => row.Message!.ExpiredAt == moment.At)
            ? await timeline.ExpiredAfterAsync(conversation.Id, moment.Seq, moment.At, cancellationToken)
            : new HashSet<long>();
        var untold = rows.Where(row => row.Seq < conversation.Entries.Revision && row.Message!.ExpiredAt is null
            && !(row.Message.ExpiresAt <= moment.At)).Select(row => row.Seq).ToList();
        var expired = untold.Count == 0
            ? new Dictionary<long, DateTimeOffset>()
            : await timeline.ExpiredByAsync(conversation.Id, untold, moment.Seq, cancellationToken);
        var byTarget = changes.ToLookup(change => TimelineProjection.TargetOf(change.Update!));
        return
        [
            .. rows.Select(row => Fold(
                row, logged, byTarget[row.Seq], shortenings, moment, ExpiredAt(row), withContent)),
        ];

        DateTimeOffset? ExpiredAt(TimelineEntry row) =>
            expired.TryGetValue(row.Seq, out var at) ? at
            : later.Contains(row.Seq) || row.Message!.ExpiredAt > moment.At ? null
            : row.Message.ExpiredAt;
    }

    /// <param name="expiredAt">When an entry up to the moment let it go; null for none.</param>
    private static MessageAtMoment Fold(
        TimelineEntry row, IReadOnlyDictionary<long, ConversationEvent> logged, IEnumerable<TimelineEntry> changes,
        IReadOnlyList<ShorteningEntry> shortenings, Moment moment, DateTimeOffset? expiredAt, bool withContent)
    {
        var sent = logged.GetValueOrDefault(row.Seq) as ConversationEvent.MessageSent;
        var message = sent is null ? OfRow(row) : AuditedMessage.Of(row.Seq, sent);
        if (!withContent)
            message = message with { Content = null };
        var entries = changes.Select(
            change => (change.Seq, Entry: logged.GetValueOrDefault(change.Seq, change.Update!)));
        if (sent is not null) // The time in the row of a truncated message is its last one already.
            entries = entries.Concat(shortenings.Where(s => s.Seq > row.Seq && s.Seq <= moment.Seq)
                .Select(s => (s.Seq, Entry: (ConversationEvent)s.Change)));
        foreach (var (_, entry) in entries.OrderBy(change => change.Seq))
        {
            if (entry.At > expiredAt)
                break;
            message = message.After(entry);
        }

        message = message.By(expiredAt < moment.At ? expiredAt.Value : moment.At);
        if (expiredAt is not null && message.Gone is null)
            message = message.Went(GoneReason.Expired);
        return new MessageAtMoment(withContent ? message : message with { Content = null }, sent is not null);
    }

    private static AuditedMessage OfRow(TimelineEntry row)
    {
        var message = row.Message!;
        return new AuditedMessage(
            row.Seq, row.At, message.Sender, message.MessageId, message.Type, message.ReplyTo, message.ExpiresAt);
    }
}
