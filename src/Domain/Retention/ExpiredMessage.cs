namespace ChatCqrs.Domain.Retention;

/// <summary>A message whose content is gone.</summary>
/// <param name="Seq">The message's own seq: its id alone may be another sender's as well.</param>
public readonly record struct ExpiredMessage(MessageId MessageId, long Seq);

/// <summary>Why messages go.</summary>
public enum ExpiryReason
{
    /// <summary>The time for which they were to be kept is over.</summary>
    Expired,

    /// <summary>Everyone has them, and the server keeps nothing that everyone has.</summary>
    Delivered,
}
