namespace ChatCqrs.Domain.Retention;

/// <summary>An expired message: its content is gone.</summary>
/// <param name="Seq">The message's seq. The id alone is ambiguous: another sender may have used it too.</param>
public readonly record struct ExpiredMessage(MessageId MessageId, long Seq);

/// <summary>Why messages expire.</summary>
public enum ExpiryReason
{
    /// <summary>Their retention time is over.</summary>
    Expired,

    /// <summary>All devices of all recipients hold them, and the server keeps nothing after delivery.</summary>
    Delivered,
}
