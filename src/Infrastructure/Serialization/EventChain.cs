using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Serialization;

/// <summary>
/// The hash that links an event to its predecessor in the stream: SHA-256 over the previous hash and these parts, each
/// after its length in four bytes (big-endian): the type, the event id (16 bytes in RFC 9562 order), the metadata
/// without the hash property, and the payload.
/// </summary>
/// <remarks>
/// The hash is the last property of the metadata, a suffix of fixed length. Verification cuts it off and needs no JSON
/// parser, so the hashed bytes are exactly the stored ones.
/// </remarks>
public static class EventChain
{
    private const int HashTextLength = 44;
    private const int LengthSize = 4;
    private const int EventIdSize = 16;
    private static readonly byte[] PreviousStart = "\"prev_hash\":\""u8.ToArray();
    private static readonly byte[] SuffixStart = ",\"hash\":\""u8.ToArray();
    private static readonly byte[] SuffixEnd = "\"}"u8.ToArray();

    private static int SuffixLength => SuffixStart.Length + HashTextLength + SuffixEnd.Length;

    /// <summary>Adds the hash to metadata without one.</summary>
    /// <param name="metadata">A JSON object with at least one property.</param>
    internal static (byte[] Metadata, byte[] Hash) Link(
        ReadOnlySpan<byte> previous, string type, Guid eventId, ReadOnlySpan<byte> metadata, ReadOnlySpan<byte> payload)
    {
        var hash = new byte[SHA256.HashSizeInBytes];
        Hash(previous, type, eventId, metadata[..^1], payload, hash);
        var linked = new byte[metadata.Length - 1 + SuffixLength];
        metadata[..^1].CopyTo(linked);
        WriteSuffix(hash, linked.AsSpan(metadata.Length - 1));
        return (linked, hash);
    }

    /// <summary>The hash in an event's metadata.</summary>
    /// <exception cref="FormatException">The metadata does not end with one.</exception>
    public static byte[] HashOf(ReadOnlySpan<byte> metadata)
    {
        var hash = new byte[SHA256.HashSizeInBytes];
        HashOf(metadata, hash);
        return hash;
    }

    /// <summary>Writes the hash in an event's metadata.</summary>
    /// <param name="metadata">The metadata, or their last 54 bytes or more.</param>
    /// <param name="hash">32 bytes.</param>
    /// <exception cref="FormatException">The metadata does not end with one.</exception>
    public static void HashOf(ReadOnlySpan<byte> metadata, Span<byte> hash)
    {
        var suffix = metadata.Length > SuffixLength ? metadata[^SuffixLength..] : default;
        if (!suffix.StartsWith(SuffixStart) || !suffix.EndsWith(SuffixEnd)
            || Base64.DecodeFromUtf8(suffix.Slice(SuffixStart.Length, HashTextLength), hash, out _, out var written)
                != OperationStatus.Done
            || written != hash.Length)
            throw new FormatException("The metadata does not end with the event's hash.");
    }

    /// <summary>The hash of the event before it in an event's metadata, which stands before its own.</summary>
    /// <param name="metadata">The metadata, or their last 114 bytes or more.</param>
    /// <exception cref="FormatException">The metadata do not end with the two hashes.</exception>
    public static byte[] PreviousOf(ReadOnlySpan<byte> metadata)
    {
        var hash = new byte[SHA256.HashSizeInBytes];
        var length = PreviousStart.Length + HashTextLength + 1;
        var end = metadata.Length >= length + SuffixLength ? metadata[^(length + SuffixLength)..] : default;
        if (!end.StartsWith(PreviousStart) || end[length - 1] != (byte)'"'
            || Base64.DecodeFromUtf8(end.Slice(PreviousStart.Length, HashTextLength), hash, out _, out var written)
                != OperationStatus.Done
            || written != hash.Length)
            throw new FormatException("The metadata do not have the hash of the event before.");
        return hash;
    }

    /// <summary>Whether an event is unchanged, byte for byte, since it was linked to its predecessor.</summary>
    public static bool Holds(ReadOnlySpan<byte> previous, StoredEvent stored)
    {
        var metadata = stored.Metadata.Span;
        if (metadata.Length <= SuffixLength)
            return false;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Hash(previous, stored.Type, stored.EventId, metadata[..^SuffixLength], stored.Payload.Span, hash);

        // Compare the base64 text, not the bytes: several texts decode to the same bytes.
        Span<byte> suffix = stackalloc byte[SuffixLength];
        WriteSuffix(hash, suffix);
        return metadata[^SuffixLength..].SequenceEqual(suffix);
    }

    /// <summary>Verifies consecutive events of a stream.</summary>
    /// <param name="previous">The hash of the event before the first one.</param>
    /// <returns>The revision of the first broken event; null if all hold.</returns>
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

    private static void WriteSuffix(ReadOnlySpan<byte> hash, Span<byte> suffix)
    {
        SuffixStart.CopyTo(suffix);
        Base64.EncodeToUtf8(hash, suffix[SuffixStart.Length..], out _, out _);
        SuffixEnd.CopyTo(suffix[(SuffixStart.Length + HashTextLength)..]);
    }

    private static void Hash(
        ReadOnlySpan<byte> previous, string type, Guid eventId, ReadOnlySpan<byte> openMetadata,
        ReadOnlySpan<byte> payload, Span<byte> hash)
    {
        // One buffer and one call: incremental hashing costs several times as much.
        var typeLength = Encoding.UTF8.GetByteCount(type);
        var length = previous.Length + (4 * LengthSize)
            + typeLength + EventIdSize + openMetadata.Length + 1 + payload.Length;
        var rented = ArrayPool<byte>.Shared.Rent(length);
        var rest = rented.AsSpan(0, length);
        Put(previous, ref rest);
        PutLength(typeLength, ref rest);
        rest = rest[Encoding.UTF8.GetBytes(type, rest)..];
        PutLength(EventIdSize, ref rest);
        eventId.TryWriteBytes(rest, bigEndian: true, out _);
        rest = rest[EventIdSize..];
        PutLength(openMetadata.Length + 1, ref rest);
        Put(openMetadata, ref rest);
        Put("}"u8, ref rest);
        PutLength(payload.Length, ref rest);
        Put(payload, ref rest);
        SHA256.HashData(rented.AsSpan(0, length), hash);
        ArrayPool<byte>.Shared.Return(rented);
    }

    private static void Put(ReadOnlySpan<byte> bytes, ref Span<byte> rest)
    {
        bytes.CopyTo(rest);
        rest = rest[bytes.Length..];
    }

    private static void PutLength(int length, ref Span<byte> rest)
    {
        BinaryPrimitives.WriteInt32BigEndian(rest, length);
        rest = rest[LengthSize..];
    }
}
