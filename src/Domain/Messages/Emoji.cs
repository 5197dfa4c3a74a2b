using System.Buffers;
using System.Text;

namespace ChatCqrs.Domain.Messages;

/// <summary>
/// Accepts exactly one emoji as people see it (Unicode Technical Standard 51, definition ED-17): a pictograph with its
/// variation and skin tone, several joined to one (families, professions), a flag, or a keycap.
/// </summary>
public static class Emoji
{
    /// <summary>The longest emoji, in UTF-16 units; the longest in use has 35.</summary>
    public const int LengthMax = 64;

    private const int Joiner = 0x200D, TextStyle = 0xFE0E, EmojiStyle = 0xFE0F, Keycap = 0x20E3, CancelTag = 0xE007F;

    /// <summary>
    /// First and last code points of Extended_Pictographic (emoji-data.txt of Unicode 16.0), below the planes of
    /// pictographs.
    /// </summary>
    private static readonly (int First, int Last)[] Pictographs =
    [
        (0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139),
        (0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328), (0x2388, 0x2388), (0x23CF, 0x23CF),
        (0x23E9, 0x23F3), (0x23F8, 0x23FA), (0x24C2, 0x24C2), (0x25AA, 0x25AB), (0x25B6, 0x25B6), (0x25C0, 0x25C0),
        (0x25FB, 0x25FE), (0x2600, 0x2605), (0x2607, 0x2612), (0x2614, 0x2685), (0x2690, 0x2705), (0x2708, 0x2712),
        (0x2714, 0x2714), (0x2716, 0x2716), (0x271D, 0x271D), (0x2721, 0x2721), (0x2728, 0x2728), (0x2733, 0x2734),
        (0x2744, 0x2744), (0x2747, 0x2747), (0x274C, 0x274C), (0x274E, 0x274E), (0x2753, 0x2755), (0x2757, 0x2757),
        (0x2763, 0x2767), (0x2795, 0x2797), (0x27A1, 0x27A1), (0x27B0, 0x27B0), (0x27BF, 0x27BF), (0x2934, 0x2935),
        (0x2B05, 0x2B07), (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55), (0x3030, 0x3030), (0x303D, 0x303D),
        (0x3297, 0x3297), (0x3299, 0x3299), (0x1F000, 0x1F0FF), (0x1F10D, 0x1F10F), (0x1F12F, 0x1F12F),
        (0x1F16C, 0x1F171), (0x1F17E, 0x1F17F), (0x1F18E, 0x1F18E), (0x1F191, 0x1F19A), (0x1F1AD, 0x1F1E5),
        (0x1F201, 0x1F20F), (0x1F21A, 0x1F21A), (0x1F22F, 0x1F22F), (0x1F232, 0x1F23A), (0x1F23C, 0x1F23F),
        (0x1F249, 0x1F3FA), (0x1F400, 0x1F53D), (0x1F546, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F774, 0x1F77F),
        (0x1F7D5, 0x1F7FF), (0x1F80C, 0x1F80F), (0x1F848, 0x1F84F), (0x1F85A, 0x1F85F), (0x1F888, 0x1F88F),
        (0x1F8AE, 0x1F8FF), (0x1F90C, 0x1F93A), (0x1F93C, 0x1F945), (0x1F947, 0x1FAFF), (0x1FC00, 0x1FFFD),
    ];

    /// <summary>Whether a text is exactly one emoji.</summary>
    public static bool IsOne(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > LengthMax)
            return false;
        var runes = new Runes(text);
        if (runes.Take(IsRegional))
            return runes.Take(IsRegional) && runes.AtEnd;
        if (runes.Take(IsKeycapBase))
        {
            runes.Take(rune => rune == EmojiStyle);
            return runes.Take(rune => rune == Keycap) && runes.AtEnd;
        }

        do
        {
            if (!TakeElement(ref runes))
                return false;
        }
        while (runes.Take(rune => rune == Joiner));
        return runes.AtEnd;
    }

    /// <summary>Takes a pictograph with its modifiers.</summary>
    private static bool TakeElement(ref Runes runes)
    {
        if (!runes.Take(rune => IsPictograph(rune) || IsSkinTone(rune)))
            return false;
        runes.Take(rune => rune is EmojiStyle or TextStyle);
        runes.Take(IsSkinTone);
        if (!runes.Take(IsTag))
            return true;
        while (runes.Take(rune => IsTag(rune) && rune != CancelTag))
        {
        }

        return runes.Take(rune => rune == CancelTag);
    }

    private static bool IsRegional(int rune) => rune is >= 0x1F1E6 and <= 0x1F1FF;

    private static bool IsKeycapBase(int rune) => rune is '#' or '*' or (>= '0' and <= '9');

    private static bool IsSkinTone(int rune) => rune is >= 0x1F3FB and <= 0x1F3FF;

    private static bool IsTag(int rune) => rune is >= 0xE0020 and <= CancelTag;

    private static bool IsPictograph(int rune) =>
        Array.Exists(Pictographs, range => rune >= range.First && rune <= range.Last);

    /// <summary>The remaining code points. Invalid UTF-16 matches nothing.</summary>
    private ref struct Runes(ReadOnlySpan<char> rest)
    {
        private ReadOnlySpan<char> _rest = rest;

        public readonly bool AtEnd => _rest.IsEmpty;

        public bool Take(Func<int, bool> wanted)
        {
            if (Rune.DecodeFromUtf16(_rest, out var rune, out var length) != OperationStatus.Done
                || !wanted(rune.Value))
                return false;
            _rest = _rest[length..];
            return true;
        }
    }
}
