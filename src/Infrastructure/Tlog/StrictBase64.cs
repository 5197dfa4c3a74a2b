namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// Base64 of RFC 4648, section 4, in its one canonical form: padded, without white space, and with zeros as spare bits
/// (section 3.5). Otherwise two texts would mean one hash.
/// </summary>
internal static class StrictBase64
{
    /// <exception cref="FormatException">The text is not canonical base64.</exception>
    public static byte[] Decode(string text)
    {
        var bytes = new byte[text.Length / 4 * 3];
        if (!Convert.TryFromBase64String(text, bytes, out var length)
            || Convert.ToBase64String(bytes, 0, length) != text)
            throw new FormatException("This is not canonical base64.");
        return bytes[..length];
    }
}
