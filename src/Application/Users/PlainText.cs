using System.Globalization;
using System.Text;

namespace ChatCqrs.Application.Users;

/// <summary>Checks names and similar texts.</summary>
internal static class PlainText
{
    /// <summary>
    /// The most marks in a row. Living scripts need up to four on one letter; more of them cover the lines around.
    /// </summary>
    private const int MarksMax = 4;

    /// <summary>What a line must be, for messages to clients.</summary>
    public const string LineRule =
        "with at least one that is visible, at most four marks in a row, and no control characters";

    /// <summary>
    /// Whether a text is one line of 1 to <paramref name="max"/> characters, one of them visible, that shows nothing
    /// but itself: it has no control characters, none that change the direction of the text around it (Bidi_Control of
    /// Unicode Standard Annex 9), and at most <see cref="MarksMax"/> marks in a row.
    /// </summary>
    public static bool IsLine(string text, int max)
    {
        if (!HasAtMost(text, max) || !IsWellFormed(text))
            return false;
        var (isVisible, marks) = (false, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (category is UnicodeCategory.Control or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator || IsBidiControl(rune.Value))
                return false;
            if (IsMark(category))
                marks++;
            else if (category != UnicodeCategory.Format) // A joiner between marks does not end their row.
                marks = 0;
            if (marks > MarksMax)
                return false;
            isVisible |= IsVisible(rune.Value, category);
        }

        return isVisible;
    }

    /// <summary>
    /// Whether a text has at most <paramref name="max"/> characters and no control characters except line breaks and
    /// tabs.
    /// </summary>
    public static bool IsText(string text, int max) =>
        HasAtMost(text, max) && !text.Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t'))
            && IsWellFormed(text);

    private static bool IsMark(UnicodeCategory category) => category is UnicodeCategory.NonSpacingMark
        or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static bool IsBidiControl(int c) =>
        c is 0x061C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069);

    /// <summary>
    /// Whether a character shows something by itself. Characters that this version of Unicode does not know do: they
    /// may be new emoji.
    /// </summary>
    private static bool IsVisible(int c, UnicodeCategory category) =>
        !IsMark(category) && category is not (UnicodeCategory.SpaceSeparator or UnicodeCategory.Format)
        && !IsBlankSymbol(c);

    /// <summary>
    /// Characters that look like letters or symbols by their category and show nothing: fillers of Hangul and Egyptian,
    /// blank Braille, an empty note head, and places that Unicode reserves for invisible characters.
    /// </summary>
    private static bool IsBlankSymbol(int c) => c is 0x115F or 0x1160 or 0x3164 or 0xFFA0 or 0x2800 or 0x1D159
        or 0x13441 or 0x13442 or 0x2065 or (>= 0xFFF0 and <= 0xFFF8) or (>= 0xE0000 and <= 0xE0FFF);

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
