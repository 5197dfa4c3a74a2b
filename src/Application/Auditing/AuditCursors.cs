using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <summary>The cursors of lists that are sorted by time and id.</summary>
internal static class AuditCursors
{
    public static string Of(DateTimeOffset at, Guid id) => Paging.Cursor(Paging.Cursor(at), id.ToString());

    /// <returns>Null for the first page.</returns>
    /// <exception cref="RefusedException">The cursor is malformed.</exception>
    public static AuditPlace? Parse(string? cursor) =>
        Paging.Place(cursor, (time, id) => new AuditPlace(Paging.Time(time), Guid.Parse(id)));
}
