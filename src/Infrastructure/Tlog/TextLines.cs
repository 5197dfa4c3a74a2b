using System.Globalization;
using System.Text;
using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// Reads a text of lines that each end with U+000A, one field after another. Each field has one form only; what has
/// another is no such text.
/// </summary>
internal sealed class TextLines
{
    /// <summary>RFC 3339, UTC, to the millisecond.</summary>
    private const string TimeForm = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    private static readonly UTF8Encoding Strict =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string[] _lines;
    private int _next;

    /// <exception cref="FormatException">
    /// The bytes are no UTF-8, have a control character, or do not end with U+000A.
    /// </exception>
    public TextLines(ReadOnlySpan<byte> text)
        : this(Decode(text))
    {
    }

    /// <inheritdoc cref="TextLines(ReadOnlySpan{byte})"/>
    public TextLines(string text)
    {
        if (!text.EndsWith('\n') || text.Any(character => character < ' ' && character != '\n'))
            throw new FormatException("The text does not end with a newline, or has control characters.");
        _lines = text[..^1].Split('\n');
    }

    /// <exception cref="FormatException">The bytes are no UTF-8.</exception>
    public static string Decode(ReadOnlySpan<byte> text)
    {
        try
        {
            return Strict.GetString(text);
        }
        catch (DecoderFallbackException exception)
        {
            throw new FormatException("The text is not UTF-8.", exception);
        }
    }

    public static string OfTime(DateTimeOffset time) =>
        time.UtcDateTime.ToString(TimeForm, CultureInfo.InvariantCulture);

    public static string OfNumber(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether there is another line.</summary>
    public bool HasNext => _next < _lines.Length;

    /// <summary>The next line, whatever it says.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public string Next() => HasNext ? _lines[_next++] : throw new FormatException("A line is missing.");

    /// <exception cref="FormatException">The next line is another one.</exception>
    public void Expect(string line)
    {
        if (Next() is var actual && actual != line)
            throw new FormatException($"The line \"{actual}\" should be \"{line}\".");
    }

    /// <summary>The rest of a line that starts with a name and a space; not empty.</summary>
    /// <exception cref="FormatException">The next line is another one.</exception>
    public string Field(string name)
    {
        var line = Next();
        return line.Length > name.Length + 1 && line.StartsWith(name, StringComparison.Ordinal)
            && line[name.Length] == ' '
                ? line[(name.Length + 1)..]
                : throw new FormatException($"The line \"{line}\" should be \"{name} ...\".");
    }

    /// <exception cref="FormatException">There are more lines.</exception>
    public void End()
    {
        if (HasNext)
            throw new FormatException("There are more lines than there should be.");
    }

    /// <exception cref="FormatException">This is not a decimal from 0 to 2^63 - 1 without leading zeros.</exception>
    public static long Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && OfNumber(number) == text
            ? number
            : throw new FormatException($"\"{text}\" is no number.");

    /// <exception cref="FormatException">This is not a decimal from 0 to 2^64 - 1 without leading zeros.</exception>
    public static LogPosition Position(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && new LogPosition(number).ToString() == text
                ? new LogPosition(number)
                : throw new FormatException($"\"{text}\" is no position.");

    /// <exception cref="FormatException">This is not a time in UTC with milliseconds.</exception>
    public static DateTimeOffset Time(string text) =>
        DateTimeOffset.TryParseExact(
            text, TimeForm, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
                ? time
                : throw new FormatException($"\"{text}\" is no time.");

    /// <summary>Two fields with one space between them.</summary>
    /// <exception cref="FormatException">There are not two.</exception>
    public static (string First, string Second) Pair(string text) =>
        text.Split(' ') is [var first, var second]
            ? (first, second)
            : throw new FormatException($"\"{text}\" are not two fields.");
}
