using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>
/// Events as NDJSON, each with its exact bytes (<c>raw</c>), from which its hash follows, and with readable copies.
/// </summary>
internal sealed class EventLines(string path) : IAsyncDisposable
{
    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly FileStream _file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, 128 * 1024);
    private readonly Utf8JsonWriter _json = new(Stream.Null, Options);

    public void Write(StoredEvent stored, DateTimeOffset at)
    {
        using var metadata = JsonDocument.Parse(stored.Metadata);
        using var payload = JsonDocument.Parse(stored.Payload);
        _json.Reset(_file);
        _json.WriteStartObject();
        _json.WriteNumber("seq", stored.Revision);
        _json.WriteString("type", stored.Type);
        _json.WriteString("event_id", stored.EventId);
        _json.WriteString("occurred_at", Timestamps.Text(at));
        foreach (var name in new[] { "prev_hash", "hash" })
            _json.WriteString(name, metadata.RootElement.GetProperty(name).GetString());
        _json.WritePropertyName("metadata");
        metadata.WriteTo(_json);
        _json.WritePropertyName("payload");
        payload.WriteTo(_json);
        _json.WriteStartObject("raw");
        _json.WriteString("metadata", Encoding.UTF8.GetString(stored.Metadata.Span));
        _json.WriteString("payload", Encoding.UTF8.GetString(stored.Payload.Span));
        _json.WriteEndObject();
        _json.WriteEndObject();
        _json.Flush();
        _file.WriteByte((byte)'\n');
    }

    public async ValueTask DisposeAsync()
    {
        await _json.DisposeAsync();
        await _file.DisposeAsync();
    }
}
