using System.Buffers.Text;
using System.Globalization;
using System.Text;
using ChatCqrs.Domain;

namespace ChatCqrs.Application;

/// <summary>
/// The limits and cursors of lists. A cursor encodes the place of a page's last item; clients treat it as opaque.
/// </summary>
public static class Paging
{
    public const int LimitDefault = 50;
    public const int LimitMax = 200;

    private const char Separator = '|';

    public static string Cursor(params string[] place) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Join(Separator, place)));

    public static string Cursor(DateTimeOffset time) => time.UtcTicks.ToString(CultureInfo.InvariantCulture);

    /// <summary>Parses a time from a cursor's part.</summary>
    public static DateTimeOffset Time(string part) =>
        new(long.Parse(part, CultureInfo.InvariantCulture), TimeSpan.Zero);

    /// <summary>Parses a cursor of two parts.</summary>
    /// <exception cref="RefusedException">The cursor is malformed.</exception>
    public static T? Place<T>(string? cursor, Func<string, string, T> read)
        where T : class => Place(cursor, 2, part => read(part[0], part[1]));

    /// <summary>Parses a cursor.</summary>
    /// <param name="cursor">The cursor; null for the first page.</param>
    /// <param name="parts">The number of parts expected.</param>
    /// <param name="toPlace">Builds the place from the parts.</param>
    /// <returns>Null for the first page.</returns>
    /// <exception cref="RefusedException">The cursor is malformed.</exception>
    public static T? Place<T>(string? cursor, int parts, Func<string[], T> toPlace)
        where T : class
    {
        if (cursor is null)
            return null;
        try
        {
            var read = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split(Separator);
            return read.Length == parts ? toPlace(read) : throw new FormatException();
        }
        catch (Exception exception) when (exception is FormatException or OverflowException or ArgumentException)
        {
            throw new RefusedException(Refusal.InvalidCursor);
        }
    }
}
