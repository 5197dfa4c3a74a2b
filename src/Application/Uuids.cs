namespace ChatCqrs.Application;

/// <summary>
/// Ids from clients: UUIDs in the form of RFC 9562, section 4, 36 characters. .NET's own parsers also take white space
/// around them, signs and prefixes.
/// </summary>
public static class Uuids
{
    private const int Length = 36;

    /// <returns>False for any other text.</returns>
    public static bool TryParse(string? text, out Guid id)
    {
        id = default;
        return text is { Length: Length } && text.All(c => char.IsAsciiHexDigit(c) || c == '-')
            && Guid.TryParseExact(text, "D", out id);
    }

    /// <summary>Whether a text is the id of something; the empty UUID is not.</summary>
    public static bool IsOne(string? text) => TryParse(text, out var id) && id != Guid.Empty;
}
