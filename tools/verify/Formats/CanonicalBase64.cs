namespace ChatCqrs.Verify.Formats;

/// <summary>
/// Standard base64 with padding (RFC 4648, section 4), in its one canonical spelling: spare bits are zero, and there is
/// no white space. Otherwise two texts would mean the same hash.
/// </summary>
internal static class CanonicalBase64
{
    /// <exception cref="FormatException">The text has another spelling, or another number of bytes.</exception>
    /// <param name="size">The number of bytes; null for any.</param>
    public static byte[] Decode(string text, int? size = null)
    {
        var bytes = new byte[(text.Length / 4 * 3) + 3];
        if (!Convert.TryFromBase64String(text, bytes, out var written)
            || Convert.ToBase64String(bytes, 0, written) != text)
            throw new FormatException("this is no canonical base64");
        if (size is { } expected && written != expected)
            throw new FormatException($"this has {written} bytes, not {expected}");
        return bytes[..written];
    }
}
