using System.Buffers.Binary;
using System.Security.Cryptography;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// A head without its salt, as a batch's <c>openings</c> hold it: <see cref="Size"/> bytes each, ordered by the
/// stream's name. One byte for the name's prefix, 16 for its id, 8 each for the revisions, 32 each for the hashes.
/// </summary>
internal readonly record struct Opening(
    string Stream, long First, long Last, Digest Before, Digest Hash, Digest Root)
{
    public const int Size = 1 + IdSize + (2 * NumberSize) + (3 * Digest.Size);

    private const int IdSize = 16;
    private const int NumberSize = 8;
    private const byte BlankPrefix = byte.MaxValue;

    /// <summary>The prefixes by their byte. A byte never gets another meaning, since it is stored.</summary>
    internal static readonly IReadOnlyList<string> Prefixes =
        ["conversation-", "receipts-", "user-", "auditor-", "matter-", "hold-", "audit-", "cuts-"];

    /// <summary>
    /// What stands where a head was whose stream is erased: nothing of it, not even the name. Its leaf stays.
    /// </summary>
    public static Opening Blank { get; } = new("", 0, 0, Digest.Zero, Digest.Zero, Digest.Zero);

    public bool IsBlank => Stream.Length == 0;

    /// <exception cref="FormatException">The stream's name is no known prefix and an id.</exception>
    public void Write(Span<byte> bytes)
    {
        if (IsBlank)
        {
            bytes[0] = BlankPrefix;
            bytes[1..Size].Clear();
            return;
        }

        var prefix = PrefixOf(Stream);
        bytes[0] = (byte)prefix;
        Guid.ParseExact(Stream.AsSpan(Prefixes[prefix].Length), "D")
            .TryWriteBytes(bytes[1..], bigEndian: true, out _);
        bytes = bytes[(1 + IdSize)..];
        BinaryPrimitives.WriteInt64BigEndian(bytes, First);
        BinaryPrimitives.WriteInt64BigEndian(bytes[NumberSize..], Last);
        bytes = bytes[(2 * NumberSize)..];
        Before.CopyTo(bytes);
        Hash.CopyTo(bytes[Digest.Size..]);
        Root.CopyTo(bytes[(2 * Digest.Size)..]);
    }

    /// <summary>Reads an opening; <see cref="Blank"/> where it was blanked.</summary>
    /// <exception cref="FormatException">The first byte is that of no prefix.</exception>
    public static Opening Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes[0] == BlankPrefix)
            return Blank;
        var id = new Guid(bytes.Slice(1, IdSize), bigEndian: true);
        var prefix = bytes[0] < Prefixes.Count
            ? Prefixes[bytes[0]]
            : throw new FormatException($"The head of {id} has the prefix {bytes[0]}, which there is not.");
        var rest = bytes[(1 + IdSize)..];
        var hashes = rest[(2 * NumberSize)..];
        return new Opening(
            $"{prefix}{id}", BinaryPrimitives.ReadInt64BigEndian(rest),
            BinaryPrimitives.ReadInt64BigEndian(rest[NumberSize..]), Digest.Of(hashes[..Digest.Size]),
            Digest.Of(hashes.Slice(Digest.Size, Digest.Size)), Digest.Of(hashes.Slice(2 * Digest.Size, Digest.Size)));
    }

    /// <summary>The head's record in a batch.</summary>
    /// <param name="secret">The stream's secret; null once it was shredded: the salt is zeros from then on.</param>
    /// <param name="batch">The batch's number.</param>
    public HeadRecord Salted(byte[]? secret, long batch)
    {
        var salt = Digest.Zero;
        if (secret is not null)
        {
            Span<byte> number = stackalloc byte[NumberSize];
            BinaryPrimitives.WriteInt64BigEndian(number, batch);
            salt = Digest.Of(HMACSHA256.HashData(secret, number));
        }

        return new HeadRecord(Stream, First, Last, Before, Hash, Root, salt);
    }

    /// <summary>The name of the secret that salts a stream's heads.</summary>
    public static string SecretOf(string stream) => "audit:" + stream;

    /// <summary>Whether a stream can have heads.</summary>
    public static bool IsOf(string stream) =>
        Prefixes.Any(prefix => stream.StartsWith(prefix, StringComparison.Ordinal)
            && Guid.TryParseExact(stream.AsSpan(prefix.Length), "D", out var id)
            && stream.AsSpan(prefix.Length).SequenceEqual(id.ToString()));

    private static int PrefixOf(string stream)
    {
        for (var prefix = 0; prefix < Prefixes.Count; prefix++)
        {
            if (stream.StartsWith(Prefixes[prefix], StringComparison.Ordinal))
                return prefix;
        }

        throw new FormatException($"{stream} is no stream of the product.");
    }
}
