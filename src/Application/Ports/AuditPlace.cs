namespace ChatCqrs.Application.Ports;

/// <summary>The place of an item in a list that is sorted by time and id, the latest first.</summary>
public sealed record AuditPlace(DateTimeOffset At, Guid Id);
