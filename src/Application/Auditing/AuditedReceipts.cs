using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Auditing;

/// <summary>How far a member had received and read. -1 for nothing; null if nobody can tell any more.</summary>
public readonly record struct WatermarkAtMoment(long? Delivered, long? Read)
{
    public WatermarkAtMoment Raise(ReceiptEvent receipt) => receipt switch
    {
        ReceiptEvent.MessageDelivered e => this with { Delivered = Max(Delivered, e.UpToSeq) },
        ReceiptEvent.MessageRead e => new(Max(Delivered, e.UpToSeq), Max(Read, e.UpToSeq)),
        _ => this,
    };

    /// <summary>The higher one of what each tells.</summary>
    public WatermarkAtMoment Or(WatermarkAtMoment other) =>
        new(Higher(Delivered, other.Delivered), Higher(Read, other.Read));

    private static long Max(long? known, long seq) => known > seq ? known.Value : seq;

    private static long? Higher(long? one, long? other) => one is null || other > one ? other : one;
}

/// <summary>
/// Receipts as they stood at a moment, from the marks that the views keep for every rise. Marks of messages that have
/// gone are not kept (docs/adr/0083); then the log's receipts tell, as far as it still holds them.
/// </summary>
public sealed class AuditedReceipts(IAuditTimeline timeline, AuditedLog log)
{
    /// <summary>The most receipts that are read from the log; with more, nobody can tell.</summary>
    private const int ReceiptsMax = 100_000;

    public async Task<IReadOnlyDictionary<UserId, WatermarkAtMoment>> AtAsync(
        AuditedConversation conversation, IReadOnlyCollection<UserId> users, Moment moment,
        CancellationToken cancellationToken)
    {
        var marks = await timeline.MarksAsync(
            conversation.Id, users, moment.Seq, moment.ReceiptsBefore, cancellationToken);
        if (!conversation.HasGone)
        {
            var all = users.ToDictionary(
                user => user, user => Of(marks.GetValueOrDefault(user)).Or(new WatermarkAtMoment(-1, -1)));
            return await WithoutErasedAsync(conversation, all, cancellationToken);
        }

        var known = users.ToDictionary(user => user, user => Of(marks.GetValueOrDefault(user)));
        if (known.Values.Any(mark => mark is { Delivered: null } or { Read: null }))
        {
            var logged = await LoggedAsync(conversation, users, moment, cancellationToken);
            foreach (var user in users)
                known[user] = known[user].Or(logged[user]);
        }

        return await WithoutErasedAsync(conversation, known, cancellationToken);
    }

    private async Task<IReadOnlyDictionary<UserId, WatermarkAtMoment>> WithoutErasedAsync(
        AuditedConversation conversation, Dictionary<UserId, WatermarkAtMoment> marks,
        CancellationToken cancellationToken)
    {
        foreach (var (user, isErased) in await timeline.UsersAsync(conversation.Id, cancellationToken))
        {
            if (isErased && marks.ContainsKey(user))
                marks[user] = default; // Nothing is kept of their receipts.
        }

        return marks;
    }

    private async Task<Dictionary<UserId, WatermarkAtMoment>> LoggedAsync(
        AuditedConversation conversation, IReadOnlyCollection<UserId> users, Moment moment,
        CancellationToken cancellationToken)
    {
        var stream = StreamName.OfReceipts(conversation.Id);
        var first = conversation.Receipts.Revision;
        var last = await log.LastRevisionAsync(stream, cancellationToken);
        if (last - first >= ReceiptsMax)
            return users.ToDictionary(user => user, _ => default(WatermarkAtMoment));
        var marks = users.ToDictionary(user => user, _ => first == 0 ? new WatermarkAtMoment(-1, -1) : default);
        await foreach (var page in log.PagesAsync(stream, first, last, cancellationToken))
        {
            foreach (var stored in page)
            {
                if (log.DecodeOrNull(stored) is { Event: ReceiptEvent receipt } && receipt.At < moment.ReceiptsBefore
                    && UpTo(receipt) <= moment.Seq && marks.TryGetValue(UserOf(receipt), out var mark))
                    marks[UserOf(receipt)] = mark.Raise(receipt);
            }
        }

        return marks;
    }

    internal static UserId UserOf(ReceiptEvent receipt) => receipt switch
    {
        ReceiptEvent.MessageDelivered e => e.User,
        ReceiptEvent.MessageRead e => e.User,
        _ => throw new InvalidOperationException($"Unknown event {receipt.GetType().Name}."),
    };

    internal static long UpTo(ReceiptEvent receipt) => receipt switch
    {
        ReceiptEvent.MessageDelivered e => e.UpToSeq,
        ReceiptEvent.MessageRead e => e.UpToSeq,
        _ => throw new InvalidOperationException($"Unknown event {receipt.GetType().Name}."),
    };

    private static WatermarkAtMoment Of(KeptMarks marks) => new(marks.Delivered, marks.Read);
}
