using System.Globalization;
using System.Text;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// Events as CSV (RFC 4180, UTF-8 with a byte order mark, which spreadsheets need). A field that a spreadsheet would
/// take for a formula begins with an apostrophe (OWASP, "CSV Injection").
/// </summary>
internal sealed class TimelineCsv : IAsyncDisposable
{
    private readonly StreamWriter _file;

    public TimelineCsv(string path)
    {
        _file = new StreamWriter(path, append: false, new UTF8Encoding(true), 128 * 1024) { NewLine = "\r\n" };
        _file.WriteLine("seq,at,actor_id,actor,kind,message_seq,message_type,text,state");
    }

    public void Write(ReadableEvent line) => _file.WriteLine(string.Join(',', new[]
    {
        line.Seq.ToString(CultureInfo.InvariantCulture), Timestamps.Text(line.At), line.Actor?.ToString(), line.Name,
        line.Kind, line.Target?.ToString(CultureInfo.InvariantCulture), line.MessageType, line.Text, line.State,
    }.Select(Field)));

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    internal static string Field(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        if (text[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '＝' or '＋' or '－' or '＠')
            text = "'" + text;
        return text.IndexOfAny(['"', ',', '\r', '\n']) >= 0
            ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : text;
    }
}
