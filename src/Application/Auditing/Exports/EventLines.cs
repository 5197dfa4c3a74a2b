using System.Text.Encodings.Web;
using System.Text.Json;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// Events as NDJSON, each with its exact bytes (<c>raw</c>), from which its hash follows, and with readable copies: as
/// <see cref="StreamEvents"/> shows them.
/// </summary>
internal sealed class EventLines(string path) : IAsyncDisposable
{
    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly FileStream _file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, 128 * 1024);
    private readonly Utf8JsonWriter _json = new(Stream.Null, Options);

    public void Write(StoredEvent stored)
    {
        _json.Reset(_file);
        JsonSerializer.Serialize(_json, AuditedEvent.Of(stored), AuditJson.Default.AuditedEvent);
        _json.Flush();
        _file.WriteByte((byte)'\n');
    }

    public async ValueTask DisposeAsync()
    {
        await _json.DisposeAsync();
        await _file.DisposeAsync();
    }
}
