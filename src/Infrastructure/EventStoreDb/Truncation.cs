using System.Text.Json;
using System.Text.Json.Nodes;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>
/// Truncates a stream by its metadata; a scavenge then frees the space. The metadata are an event of type
/// <c>$metadata</c> in the stream <c>$$NAME</c>, and <c>$tb</c> is the first revision that the server returns.
/// </summary>
internal static class Truncation
{
    private const string Type = "$metadata";
    private const string Before = "$tb";

    public static string StreamOf(string stream) => "$$" + stream;

    /// <summary>The metadata with a later first revision; null when the current one is at least as late.</summary>
    /// <param name="current">The last event of the metadata stream; null when there is none.</param>
    /// <param name="before">The first revision to keep.</param>
    public static StreamAppend? Later(string stream, StoredEvent? current, long before)
    {
        var metadata = current is null ? [] : JsonNode.Parse(current.Payload.Span) as JsonObject ?? [];
        if (metadata[Before] is JsonValue value && value.TryGetValue(out long currentBefore) && currentBefore >= before)
            return null;
        metadata[Before] = before;
        var payload = JsonSerializer.SerializeToUtf8Bytes(metadata);
        return new StreamAppend(
            StreamOf(stream), current?.Revision ?? StreamAppend.NoStream,
            [new EventData(Guid.NewGuid(), Type, payload, ReadOnlyMemory<byte>.Empty)]);
    }
}
