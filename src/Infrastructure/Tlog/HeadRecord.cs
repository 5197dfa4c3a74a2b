using System.Text;

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
    public byte[] Encode() => Encoding.UTF8.GetBytes(ToString());

    public override string ToString() =>
        $"{Header}\n{Stream}\n{TextLines.OfNumber(First)} {TextLines.OfNumber(Last)}\n"
        + $"{Before}\n{Hash}\n{Root}\n{Salt}\n";
}
