using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Serialization;

/// <summary>
/// The hash that links an event to the one before it in its stream: SHA-256 over the previous hash and, each behind its length in four bytes
/// (big-endian), the type, the event id (16 bytes in RFC 9562 order), the metadata without the hash property, and the payload.
/// </summary>
/// <remarks>
/// The hash is the metadata's last property, so that taking it off again is cutting a suffix of fixed length: no JSON is parsed, and no byte is
/// changed, to verify it.
/// </remarks>
public static class EventChain
{
    private const int HashTextLength = 44;
    private static readonly byte[] SuffixStart = ",\"hash\":\""u8.ToArray();
    private static readonly byte[] SuffixEnd = "\"}"u8.ToArray();

    private static int SuffixLength => SuffixStart.Length + HashTextLength + SuffixEnd.Length;

    /// <summary>Puts the hash into metadata that has none yet.</summary>
    /// <param name="metadata">A JSON object with at least one property.</param>
    internal static (byte[] Metadata, byte[] Hash) Link(
        ReadOnlySpan<byte> previous, string type, Guid eventId, ReadOnlySpan<byte> metadata, ReadOnlySpan<byte> payload)
    {
        var hash = Hash(previous, type, eventId, metadata[..^1], payload);
        var linked = new byte[metadata.Length - 1 + SuffixLength];
        metadata[..^1].CopyTo(linked);
        var suffix = linked.AsSpan(metadata.Length - 1);
        SuffixStart.CopyTo(suffix);
        Base64.EncodeToUtf8(hash, suffix[SuffixStart.Length..], out _, out _);
        SuffixEnd.CopyTo(suffix[(SuffixStart.Length + HashTextLength)..]);
        return (linked, hash);
    }

    /// <summary>The hash that stands in an event's metadata.</summary>
    /// <exception cref="FormatException">The metadata does not end with one.</exception>
    public static byte[] HashOf(ReadOnlySpan<byte> metadata)
    {
        var hash = new byte[SHA256.HashSizeInBytes];
        var suffix = metadata.Length > SuffixLength ? metadata[^SuffixLength..] : default;
        if (!suffix.StartsWith(SuffixStart) || !suffix.EndsWith(SuffixEnd)
            || Base64.DecodeFromUtf8(suffix.Slice(SuffixStart.Length, HashTextLength), hash, out _, out var written) != System.Buffers.OperationStatus.Done
            || written != hash.Length)
            throw new FormatException("The metadata does not end with the event's hash.");
        return hash;
    }

    /// <summary>Whether an event, byte for byte, is the one that was linked to the one before it.</summary>
    public static bool Holds(ReadOnlySpan<byte> previous, StoredEvent stored)
    {
        var metadata = stored.Metadata.Span;
        if (metadata.Length <= SuffixLength)
            return false;
        var expected = Hash(previous, stored.Type, stored.EventId, metadata[..^SuffixLength], stored.Payload.Span);
        try
        {
            return expected.AsSpan().SequenceEqual(HashOf(metadata));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>Verifies a run of events of one stream.</summary>
    /// <param name="previous">The hash before the first of them.</param>
    /// <returns>The revision of the first event that does not hold; null when all do.</returns>
    public static long? FirstBroken(ReadOnlyMemory<byte> previous, IEnumerable<StoredEvent> events)
    {
        foreach (var stored in events)
        {
            if (!Holds(previous.Span, stored))
                return stored.Revision;
            previous = HashOf(stored.Metadata.Span);
        }

        return null;
    }

    private static byte[] Hash(
        ReadOnlySpan<byte> previous, string type, Guid eventId, ReadOnlySpan<byte> openMetadata, ReadOnlySpan<byte> payload)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(previous);
        Span<byte> small = stackalloc byte[128];
        var length = Encoding.UTF8.GetBytes(type, small[4..]);
        BinaryPrimitives.WriteInt32BigEndian(small, length);
        hash.AppendData(small[..(4 + length)]);

        BinaryPrimitives.WriteInt32BigEndian(small, 16);
        eventId.TryWriteBytes(small[4..], bigEndian: true, out _);
        hash.AppendData(small[..20]);

        BinaryPrimitives.WriteInt32BigEndian(small, openMetadata.Length + 1);
        hash.AppendData(small[..4]);
        hash.AppendData(openMetadata);
        hash.AppendData("}"u8);

        BinaryPrimitives.WriteInt32BigEndian(small, payload.Length);
        hash.AppendData(small[..4]);
        hash.AppendData(payload);
        return hash.GetHashAndReset();
    }
}
