using System.Buffers.Binary;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// Up to 256 consecutive entries, each after its length in two bytes (big-endian; c2sp.org/tlog-tiles@v0.1.0).
/// </summary>
internal static class EntryBundle
{
    /// <summary>The most bytes of an entry.</summary>
    public const int EntryMax = ushort.MaxValue;

    private const int LengthSize = 2;

    /// <exception cref="ArgumentException">An entry has more than <see cref="EntryMax"/> bytes.</exception>
    public static byte[] Encode(IReadOnlyCollection<byte[]> entries)
    {
        var bundle = new byte[entries.Sum(entry => LengthSize + entry.Length)];
        var rest = bundle.AsSpan();
        foreach (var entry in entries)
        {
            if (entry.Length > EntryMax)
                throw new ArgumentException($"An entry has {entry.Length} bytes.", nameof(entries));
            BinaryPrimitives.WriteUInt16BigEndian(rest, (ushort)entry.Length);
            entry.CopyTo(rest[LengthSize..]);
            rest = rest[(LengthSize + entry.Length)..];
        }

        return bundle;
    }

    /// <exception cref="FormatException">The bundle ends within an entry.</exception>
    public static IReadOnlyList<byte[]> Decode(ReadOnlySpan<byte> bundle)
    {
        var entries = new List<byte[]>();
        while (bundle.Length > 0)
        {
            var length = bundle.Length < LengthSize ? bundle.Length : BinaryPrimitives.ReadUInt16BigEndian(bundle);
            if (bundle.Length < LengthSize + length)
                throw new FormatException("The bundle ends within an entry.");
            entries.Add(bundle.Slice(LengthSize, length).ToArray());
            bundle = bundle[(LengthSize + length)..];
        }

        return entries;
    }
}
