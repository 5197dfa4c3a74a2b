namespace ChatCqrs.Application.Ports;

/// <summary>The place of an item in a list that is sorted by time and id, the latest first.</summary>
public sealed record AuditPlace(DateTimeOffset At, Guid Id)
{
    public string ToCursor() => Paging.Cursor(Paging.Cursor(At), Id.ToString());

    /// <returns>Null for the first page.</returns>
    /// <exception cref="Domain.RefusedException">The cursor is malformed.</exception>
    public static AuditPlace? Parse(string? cursor) =>
        Paging.Place(cursor, (time, id) => new AuditPlace(Paging.Time(time), Guid.Parse(id)));
}
