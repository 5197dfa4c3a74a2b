using System.Globalization;
using System.Text;

namespace ChatCqrs.Verify.Formats;

/// <summary>Reads a text record line by line; each line ends with U+000A.</summary>
internal sealed class Lines(string text)
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private int _at;

    public bool IsAtEnd => _at == text.Length;

    /// <summary>What has not been read yet.</summary>
    public string Rest => text[_at..];

    /// <exception cref="FormatException">The bytes are not UTF-8.</exception>
    public static string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new FormatException("this is not UTF-8");
        }
    }

    public static byte[] Bytes(string text) => Utf8.GetBytes(text);

    /// <exception cref="FormatException">No whole line is left.</exception>
    public string Next()
    {
        var end = text.IndexOf('\n', _at);
        if (end < 0)
            throw new FormatException("a line is missing, or does not end with a line feed");
        var line = text[_at..end];
        _at = end + 1;
        return line;
    }

    /// <summary>Reads a line <c>name value</c>.</summary>
    public string Next(string name)
    {
        var line = Next();
        return line.StartsWith(name + " ", StringComparison.Ordinal)
            ? line[(name.Length + 1)..]
            : throw new FormatException($"a line should begin with \"{name} \"");
    }

    /// <exception cref="FormatException">The line is another.</exception>
    public void Expect(string line)
    {
        if (Next() != line)
            throw new FormatException($"the line \"{line}\" is missing");
    }

    /// <summary>Reads lines of 32 bytes in base64 up to the empty line that ends them, or to the end.</summary>
    public List<byte[]> Hashes()
    {
        var hashes = new List<byte[]>();
        while (!IsAtEnd)
        {
            var line = Next();
            if (line.Length == 0)
                return hashes;
            if (hashes.Count == Merkle.ProofMax)
                throw new FormatException($"a proof has more than {Merkle.ProofMax} hashes");
            hashes.Add(CanonicalBase64.Decode(line, Merkle.HashSize));
        }

        return hashes;
    }

    /// <exception cref="FormatException">More follows.</exception>
    public void End()
    {
        if (!IsAtEnd)
            throw new FormatException("more follows than should");
    }

    /// <summary>A whole number from 0 on, without leading zeros.</summary>
    public static long Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
        && value.ToString(CultureInfo.InvariantCulture) == text
            ? value
            : throw new FormatException("this is no whole number in its shortest form");

    /// <summary>A time of RFC 3339 in UTC, with exactly milliseconds.</summary>
    public static DateTimeOffset Time(string text) =>
        DateTimeOffset.TryParseExact(
            text, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
            out var time)
            ? time
            : throw new FormatException("this is no time like 2026-01-02T03:04:05.678Z");
}
