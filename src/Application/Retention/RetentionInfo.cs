namespace ChatCqrs.Application.Retention;

/// <param name="Days">Days from sending until a message is unreadable.</param>
public sealed record RetentionInfo(int Days, int? DisappearingSeconds);
