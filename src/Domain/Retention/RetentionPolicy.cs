namespace ChatCqrs.Domain.Retention;

/// <summary>How long what is said in a conversation is kept. It holds for what is sent after it.</summary>
/// <param name="Days">Days from sending until a message is unreadable; null for the server's default.</param>
/// <param name="DisappearingSeconds">Seconds from sending until it disappears, where that is sooner; null for not.</param>
public sealed record RetentionPolicy(int? Days, int? DisappearingSeconds)
{
    public static readonly RetentionPolicy Default = new(null, null);
}
