using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;
using ChatCqrs.Application.Json;

namespace ChatCqrs.Application.Export;

/// <summary>
/// Writes JSON straight to its destination. Holds at most one item plus <see cref="UnsentMax"/> bytes, and waits for
/// the reader beyond that.
/// </summary>
internal sealed class ExportWriter(PipeWriter output, CancellationToken cancellationToken) : IAsyncDisposable
{
    private const long UnsentMax = 64 * 1024;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new TimestampConverter() },
    };

    private readonly Utf8JsonWriter _json =
        new(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    private long _sent;

    public void Begin() => _json.WriteStartObject();

    public void End() => _json.WriteEndObject();

    public void BeginArray(string name) => _json.WriteStartArray(name);

    public void EndArray() => _json.WriteEndArray();

    public void Value<T>(string name, T value)
    {
        _json.WritePropertyName(name);
        JsonSerializer.Serialize(_json, value, Options);
    }

    /// <summary>Writes an item of an array.</summary>
    public async ValueTask ItemAsync<T>(T value)
    {
        JsonSerializer.Serialize(_json, value, Options);
        await SendAsync(UnsentMax);
    }

    /// <summary>Writes the pages of a list as one array.</summary>
    /// <param name="read">
    /// Reads the page after an item, or the first page after null. An empty page is the last.
    /// </param>
    /// <param name="show">Converts an item to what is written.</param>
    public async Task ArrayAsync<T>(string name, Func<T?, Task<IReadOnlyList<T>>> read, Func<T, ValueTask<object>> show)
        where T : class
    {
        BeginArray(name);
        IReadOnlyList<T> page = [];
        do
        {
            page = await read(page.Count > 0 ? page[^1] : null);
            foreach (var item in page)
                await ItemAsync(await show(item));
        }
        while (page.Count > 0);
        EndArray();
    }

    public async ValueTask DisposeAsync()
    {
        await SendAsync(0);
        await _json.DisposeAsync();
    }

    private async ValueTask SendAsync(long unsentMax)
    {
        if (_json.BytesPending + _json.BytesCommitted - _sent <= unsentMax)
            return;
        _json.Flush();
        _sent = _json.BytesCommitted;
        var taken = await output.FlushAsync(cancellationToken);
        if (taken.IsCompleted || taken.IsCanceled)
            throw new OperationCanceledException("Whoever asked does not read on.");
    }
}
