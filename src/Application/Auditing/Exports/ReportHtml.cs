using System.Globalization;
using System.Net;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// A conversation to be read and printed: a page without scripts, and without anything from elsewhere, a day after the
/// other. Its policy forbids both, whatever the messages say.
/// </summary>
internal sealed class ReportHtml : IAsyncDisposable
{
    private const string Style =
        """
        :root{color-scheme:light}
        body{font:11pt/1.45 system-ui,"Noto Sans",sans-serif,"Noto Color Emoji";color:#1a1a1a;background:#fff;
          max-width:52rem;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.5rem;margin:0 0 .5rem}
        h2{font-size:1.05rem;border-bottom:2px solid #555;margin:1.6rem 0 .4rem;break-after:avoid}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}
        dt{color:#444}dd{margin:0;overflow-wrap:anywhere}
        article{display:grid;grid-template-columns:6.5rem minmax(0,1fr);gap:.75rem;padding:.35rem 0;
          border-bottom:1px solid #ddd;break-inside:avoid}
        .when{color:#555;font-size:.85em;font-variant-numeric:tabular-nums}.when span{display:block}
        .who{font-weight:600;overflow-wrap:anywhere}
        .id{color:#555;font-size:.8em;font-weight:400;overflow-wrap:anywhere}
        p{margin:.1rem 0;white-space:pre-wrap;overflow-wrap:anywhere}.said{unicode-bidi:plaintext;text-align:start}
        .event p,.state{color:#444;font-style:italic}a{color:#14508c}
        footer{margin-top:2rem;color:#444;font-size:.9em}
        @media(max-width:32rem){body{margin:1rem auto}dl,article{grid-template-columns:minmax(0,1fr);gap:0}
          dd{margin-bottom:.4rem}.when span{display:inline;margin-right:.5rem}}
        @media print{body{margin:0;max-width:none;padding:0;font-size:9.5pt}a{color:inherit;text-decoration:none}}
        """;

    /// <summary>The foot of printed pages (CSS Paged Media, margin boxes).</summary>
    private const string Pages =
        """
        @page{margin:15mm 15mm 20mm;
          @bottom-left{content:"Conversation CONVERSATION";font:8pt system-ui,sans-serif;color:#444}
          @bottom-right{content:counter(page) " / " counter(pages);font:8pt system-ui,sans-serif;color:#444}}
        """;

    private readonly StreamWriter _file;
    private DateTime _day;

    public ReportHtml(string path, AuditExport export, ConversationId conversation)
    {
        _file = new StreamWriter(path, append: false, new UTF8Encoding(false), 128 * 1024);
        _file.Write(
            $"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>Conversation {conversation}</title>
            <meta name="viewport" content="width=device-width,initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <style>{Style}
            {Pages.Replace("CONVERSATION", conversation.ToString(), StringComparison.Ordinal)}</style></head><body>
            <header><h1>Conversation</h1><dl>
            <dt>Conversation</dt><dd>{conversation}</dd>
            <dt>Export</dt><dd>{export.Id}</dd>
            <dt>Asked for by</dt><dd>{export.Auditor}, {Timestamps.Text(export.RequestedAt)}</dd>
            <dt>Matter</dt><dd>{Matter(export)}</dd>
            <dt>Period</dt><dd>{Period(export)}</dd>
            <dt>Times</dt><dd>UTC</dd>
            </dl></header><main>

            """);
    }

    public void Write(ReadableEvent line)
    {
        var at = line.At.UtcDateTime;
        if (at.Date != _day)
        {
            _day = at.Date;
            _file.WriteLine(
                $"<h2>{at.ToString("dddd, d MMMM yyyy", CultureInfo.InvariantCulture)}</h2>");
        }

        var kind = line.Kind == "message" ? "message" : "event";
        _file.Write(
            $"""
            <article class="{kind}" id="s{line.Seq}"><div class="when">
            <span>{Time(at)}</span> <span>#{line.Seq}</span></div>
            <div><div class="who">{Who(line)}</div>{Body(line)}</div></article>

            """);
    }

    /// <param name="count">The events in the report.</param>
    public void End(long count) => _file.Write(string.Create(
        CultureInfo.InvariantCulture,
        $"""
        </main><footer>{count} events. What stands here was opened by the server; events.ndjson beside it has the events
        as they are in the log, and README.txt says how to verify them.</footer></body></html>

        """));

    public ValueTask DisposeAsync() => _file.DisposeAsync();

    private static string Matter(AuditExport export) =>
        export.Matter is { } matter ? matter.ToString()! : "none: content is not opened";

    private static string Period(AuditExport export) =>
        (export.From is { } from ? Timestamps.Text(from) : "the beginning") + " to "
        + (export.To is { } to ? Timestamps.Text(to) : "the end");

    private static string Time(DateTime at) => at.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);

    private static string Who(ReadableEvent line) => line.Actor is not { } actor
        ? "The server"
        : line.Name is { } name
            ? $"<bdi>{Escaped(name)}</bdi> <span class=\"id\">{actor}</span>"
            : $"<span class=\"id\">{actor}</span>";

    private static string Body(ReadableEvent line)
    {
        var about = line.Target is { } target
            ? string.Create(CultureInfo.InvariantCulture, $" <a href=\"#s{target}\">#{target}</a>")
            : "";
        var what = line.Kind == "message"
            ? line.MessageType is null or "text" ? "" : $"<p class=\"state\">{line.MessageType}</p>"
            : $"<p>{line.Kind.Replace('_', ' ')}{about}</p>";
        var text = line.Text is null ? "" : $"<p{(line.IsSaid ? " class=\"said\"" : "")}>{Escaped(line.Text)}</p>";
        var state = line.State switch
        {
            "" => "",
            "sealed" => "<p class=\"state\">sealed: outside of what the matter opens</p>",
            "expired" => "<p class=\"state\">gone: expired</p>",
            "damaged" => "<p class=\"state\">damaged: the bytes do not open under their key</p>",
            _ => "<p class=\"state\">gone: erased or deleted</p>",
        };
        return what + text + state;
    }

    /// <summary>HTML, without characters that turn the direction of what follows (Unicode TR9).</summary>
    private static string Escaped(string text) => WebUtility.HtmlEncode(new string(
        [.. text.Where(c => c is not (>= '\u202a' and <= '\u202e') and not (>= '\u2066' and <= '\u2069'))]));
}
