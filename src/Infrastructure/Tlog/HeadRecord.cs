using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>How far one stream had come: a leaf of a batch's tree.</summary>
/// <param name="Stream">The stream's name.</param>
/// <param name="First">The first revision that it covers.</param>
/// <param name="Last">The last revision that it covers.</param>
/// <param name="Before">The hash of the event before <paramref name="First"/>; zeros before revision 0.</param>
/// <param name="Hash">The hash of the event <paramref name="Last"/>: the end of the chain.</param>
/// <param name="Root">The RFC 6962 root over the events' hashes, each of which is an entry.</param>
/// <param name="Salt">HMAC-SHA-256 of the batch's number (8 bytes, big-endian) under the stream's secret.</param>
internal sealed record HeadRecord(
    string Stream, long First, long Last, Digest Before, Digest Hash, Digest Root, Digest Salt)
{
    private const string Header = "chatcqrs/head/v1";
    private const int LinesCount = 7;

    /// <summary>Two numbers of at most 19 digits, and the space between them.</summary>
    private const int NumbersMax = 39;

    /// <exception cref="FormatException">The bytes are no such record.</exception>
    public static HeadRecord Parse(ReadOnlySpan<byte> record)
    {
        var lines = new TextLines(record);
        lines.Expect(Header);
        var stream = lines.Next();
        var (first, last) = TextLines.Pair(lines.Next());
        var head = new HeadRecord(
            stream, TextLines.Number(first), TextLines.Number(last), Digest.Parse(lines.Next()),
            Digest.Parse(lines.Next()), Digest.Parse(lines.Next()), Digest.Parse(lines.Next()));
        lines.End();
        return stream.Length > 0 && !stream.Contains(' ', StringComparison.Ordinal) && head.First <= head.Last
            ? head
            : throw new FormatException("The head has no stream, or ends before it begins.");
    }

    /// <summary>The record's bytes.</summary>
    public byte[] Encode()
    {
        Span<byte> numbers = stackalloc byte[NumbersMax];
        Utf8.TryWrite(numbers, CultureInfo.InvariantCulture, $"{First} {Last}", out var length);
        var record = new byte[
            Header.Length + Encoding.UTF8.GetByteCount(Stream) + length + (4 * Digest.TextSize) + LinesCount];
        var rest = record.AsSpan();
        Put(Encoding.UTF8.GetBytes(Header, rest), ref rest);
        Put(Encoding.UTF8.GetBytes(Stream, rest), ref rest);
        numbers[..length].CopyTo(rest);
        Put(length, ref rest);
        Put(Before, ref rest);
        Put(Hash, ref rest);
        Put(Root, ref rest);
        Put(Salt, ref rest);
        return record;
    }

    public override string ToString() => Encoding.UTF8.GetString(Encode());

    private static void Put(Digest hash, ref Span<byte> rest)
    {
        hash.WriteText(rest);
        Put(Digest.TextSize, ref rest);
    }

    /// <summary>Ends a line after its bytes.</summary>
    private static void Put(int length, ref Span<byte> rest)
    {
        rest[length] = (byte)'\n';
        rest = rest[(length + 1)..];
    }
}
