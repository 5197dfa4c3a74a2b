using System.Buffers.Text;
using System.Runtime.Intrinsics;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>A SHA-256 value of 32 bytes; its text is canonical base64 (RFC 4648, section 4).</summary>
internal readonly record struct Digest
{
    public const int Size = 32;

    /// <summary>The characters of the text.</summary>
    public const int TextSize = 44;

    private readonly Vector256<byte> _bytes;

    private Digest(Vector256<byte> bytes) => _bytes = bytes;

    /// <summary>32 zero bytes: the hash before a stream's first event.</summary>
    public static Digest Zero => default;

    /// <exception cref="ArgumentException">There are not exactly 32 bytes.</exception>
    public static Digest Of(ReadOnlySpan<byte> bytes) =>
        bytes.Length == Size
            ? new Digest(Vector256.Create(bytes))
            : throw new ArgumentException($"A digest has {Size} bytes, not {bytes.Length}.", nameof(bytes));

    /// <exception cref="FormatException">The text is not the canonical base64 of 32 bytes.</exception>
    public static Digest Parse(string text) =>
        StrictBase64.Decode(text) is { Length: Size } bytes
            ? Of(bytes)
            : throw new FormatException($"A hash has {Size} bytes.");

    public void CopyTo(Span<byte> destination) => _bytes.CopyTo(destination);

    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>Writes the text: <see cref="TextSize"/> ASCII characters.</summary>
    public void WriteText(Span<byte> destination)
    {
        Span<byte> bytes = stackalloc byte[Size];
        CopyTo(bytes);
        Base64.EncodeToUtf8(bytes, destination, out _, out _);
    }

    public override string ToString() => Convert.ToBase64String(ToArray());
}
