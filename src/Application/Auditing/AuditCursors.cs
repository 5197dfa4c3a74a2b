using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing;

/// <summary>The cursors of lists that are sorted by time and id.</summary>
internal static class AuditCursors
{
    private static string Of(DateTimeOffset at, Guid id) => Paging.Cursor(Paging.Cursor(at), id.ToString());

    /// <summary>A page of rows, of which one more than the limit was asked for.</summary>
    /// <returns>The page's items, and the cursor of the next page; null at the end.</returns>
    public static (IReadOnlyList<TItem> Items, string? Next) Page<TRow, TItem>(
        IReadOnlyList<TRow> rows, int limit, Func<TRow, TItem> itemOf, Func<TRow, (DateTimeOffset At, Guid Id)> placeOf)
    {
        if (rows.Count <= limit)
            return ([.. rows.Select(itemOf)], null);
        var (at, id) = placeOf(rows[limit - 1]);
        return ([.. rows.Take(limit).Select(itemOf)], Of(at, id));
    }

    /// <returns>Null for the first page.</returns>
    /// <exception cref="RefusedException">The cursor is malformed.</exception>
    public static AuditPlace? Parse(string? cursor) =>
        Paging.Place(cursor, (time, id) => new AuditPlace(Paging.Time(time), Guid.Parse(id)));
}
