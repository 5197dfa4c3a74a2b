namespace ChatCqrs.Application.Auditing;

/// <summary>
/// A moment in a conversation's history. Receipts have no order with entries: they stand between them by their time,
/// and at the same millisecond the entry comes first.
/// </summary>
/// <param name="Seq">The last entry that counts.</param>
/// <param name="At">The time up to which messages go, inclusive, UTC, to the millisecond.</param>
/// <param name="ReceiptsBefore">The time before which receipts count, exclusive.</param>
public sealed record Moment(long Seq, DateTimeOffset At, DateTimeOffset ReceiptsBefore)
{
    /// <summary>Right after an entry: its own millisecond's receipts follow.</summary>
    public static Moment After(long seq, DateTimeOffset at) => new(seq, at, at);

    /// <summary>At the end of a millisecond.</summary>
    /// <param name="seq">The last entry at or before it.</param>
    public static Moment Of(long seq, DateTimeOffset time) => new(seq, time, time.AddMilliseconds(1));
}
