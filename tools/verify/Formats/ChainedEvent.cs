using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;

namespace ChatCqrs.Verify.Formats;

/// <summary>
/// An event of an export, with the exact bytes of its metadata and payload (docs/events.md, "The chain").
/// </summary>
internal sealed record ChainedEvent(
    long Seq, string Type, Guid EventId, DateTimeOffset At, byte[] PreviousHash, byte[] Hash, byte[] Computed)
{
    /// <summary>The longest line, in bytes: an event has at most 1 MiB, which stands there twice, escaped.</summary>
    public const int LineMax = 16 * 1024 * 1024;

    /// <summary>The property that ends the metadata: <c>,"hash":"</c>, 44 characters and <c>"}</c>.</summary>
    private const int HashSuffix = 55;

    private static readonly string[] Members =
        ["seq", "type", "event_id", "occurred_at", "prev_hash", "hash", "metadata", "payload", "raw"];

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <summary>Reads a line of <c>events.ndjson</c>, and hashes what it holds.</summary>
    /// <exception cref="FormatException">The line is no event, or contradicts itself.</exception>
    public static ChainedEvent Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, Strict);
            return Of(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new FormatException("the line is not the JSON of an event");
        }
    }

    private static ChainedEvent Of(JsonElement json)
    {
        if (!json.EnumerateObject().Select(member => member.Name).SequenceEqual(Members)
            || !json.GetProperty("seq").TryGetInt64(out var seq) || seq < 0
            || !Guid.TryParseExact(Text(json, "event_id"), "D", out var id) || id.ToString() != Text(json, "event_id"))
            throw new FormatException("the line has other members than an event");
        var raw = json.GetProperty("raw");
        var (metadata, payload) = (Lines.Bytes(Text(raw, "metadata")), Lines.Bytes(Text(raw, "payload")));
        if (raw.EnumerateObject().Count() != 2)
            throw new FormatException("\"raw\" has other members than metadata and payload");
        CheckCopies(json, metadata, payload);

        var type = Text(json, "type");
        var previous = CanonicalBase64.Decode(Text(json, "prev_hash"), Merkle.HashSize);
        var hash = CanonicalBase64.Decode(Text(json, "hash"), Merkle.HashSize);
        var kept = json.GetProperty("metadata");
        if (Text(kept, "prev_hash") != Text(json, "prev_hash") || Text(kept, "hash") != Text(json, "hash")
            || Text(kept, "occurred_at") != Text(json, "occurred_at"))
            throw new FormatException("a hash or the time is another than in the metadata");
        return new ChainedEvent(
            seq, type, id, Lines.Time(Text(json, "occurred_at")), previous, hash,
            HashOf(previous, type, id, metadata, payload, hash));
    }

    /// <summary>The readable copies must say what the exact bytes say.</summary>
    private static void CheckCopies(JsonElement json, byte[] metadata, byte[] payload)
    {
        using var first = JsonDocument.Parse(metadata, Strict);
        using var second = JsonDocument.Parse(payload, Strict);
        if (!JsonElement.DeepEquals(first.RootElement, json.GetProperty("metadata"))
            || !JsonElement.DeepEquals(second.RootElement, json.GetProperty("payload")))
            throw new FormatException("metadata or payload say something else than their exact bytes");
    }

    private static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String
            ? member.GetString()!
            : throw new FormatException($"\"{name}\" is missing, or is no text");

    private static byte[] HashOf(
        byte[] previous, string type, Guid id, byte[] metadata, byte[] payload, byte[] stated)
    {
        var suffix = Lines.Bytes($",\"hash\":\"{Convert.ToBase64String(stated)}\"}}");
        if (metadata.Length <= HashSuffix || !metadata.AsSpan()[^HashSuffix..].SequenceEqual(suffix))
            throw new FormatException("the metadata does not end with the event's hash");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(previous);
        Put(hash, Lines.Bytes(type));
        Put(hash, id.ToByteArray(bigEndian: true));
        Put(hash, [.. metadata.AsSpan()[..^HashSuffix], (byte)'}']);
        Put(hash, payload);
        return hash.GetHashAndReset();
    }

    private static void Put(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, part.Length);
        hash.AppendData(length);
        hash.AppendData(part);
    }
}
