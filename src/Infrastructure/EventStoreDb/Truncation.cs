using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// The metadata of a stream, by which the server leaves out its first events; a scavenge then gives their space back. Metadata are an event of type
/// <c>$metadata</c> in the stream <c>$$NAME</c>, and <c>$tb</c> is the first revision that is kept.
/// </summary>
internal static class Truncation
{
    private const string Type = "$metadata";
    private const string Before = "$tb";

    public static string StreamOf(string stream) => "$$" + stream;

    /// <summary>The metadata with a later start; null when what is there starts as late.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="current">The last event of its metadata; null when there is none.</param>
    /// <param name="before">The first revision to keep.</param>
    public static StreamAppend? Later(string stream, StoredEvent? current, long before)
    {
        var metadata = current is null ? [] : JsonNode.Parse(current.Payload.Span) as JsonObject ?? [];
        if (metadata[Before] is JsonValue value && value.TryGetValue(out long there) && there >= before)
            return null;
        metadata[Before] = before;
        return new StreamAppend(
            StreamOf(stream), current?.Revision ?? StreamAppend.NoStream,
            [new EventData(Guid.NewGuid(), Type, JsonSerializer.SerializeToUtf8Bytes(metadata), ReadOnlyMemory<byte>.Empty)]);
    }
}
