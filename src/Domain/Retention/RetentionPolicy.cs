namespace ChatCqrs.Domain.Retention;

/// <summary>How long a conversation's messages are kept. Applies to messages sent after the change.</summary>
/// <param name="Days">Days from sending until a message becomes unreadable; null for the server's default.</param>
/// <param name="DisappearingSeconds">
/// Seconds from sending until a message disappears, if that is sooner; null for no timer.
/// </param>
public sealed record RetentionPolicy(int? Days, int? DisappearingSeconds)
{
    public static readonly RetentionPolicy Default = new(null, null);
}
