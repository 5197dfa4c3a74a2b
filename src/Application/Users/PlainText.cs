namespace ChatCqrs.Application.Users;

/// <summary>Checks names and similar texts.</summary>
internal static class PlainText
{
    /// <summary>Whether a text is one non-blank line of 1 to <paramref name="max"/> characters.</summary>
    public static bool IsLine(string text, int max) =>
        HasAtMost(text, max) && !string.IsNullOrWhiteSpace(text) && !text.Any(char.IsControl) && IsWellFormed(text);

    /// <summary>
    /// Whether a text has at most <paramref name="max"/> characters and no control characters except line breaks and
    /// tabs.
    /// </summary>
    public static bool IsText(string text, int max) =>
        HasAtMost(text, max) && !text.Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t'))
            && IsWellFormed(text);

    /// <summary>Characters are Unicode scalar values.</summary>
    private static bool HasAtMost(string text, int max) =>
        text.Length <= max || (text.Length <= 2 * max && text.EnumerateRunes().Count() <= max);

    /// <summary>Whether every surrogate has its other half.</summary>
    private static bool IsWellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                return false;
            i++;
        }

        return true;
    }
}
