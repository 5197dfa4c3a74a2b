namespace ChatCqrs.Application.Retention;

/// <param name="Days">Days from sending until a message becomes unreadable.</param>
/// <param name="DisappearingSeconds">Seconds from sending until a message disappears; null for no timer.</param>
public sealed record RetentionInfo(int Days, int? DisappearingSeconds);
