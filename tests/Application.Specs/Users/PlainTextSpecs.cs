using ChatCqrs.Application.Users;

namespace ChatCqrs.Application.Specs.Users;

public sealed class PlainTextSpecs
{
    private const int Max = 10;

    public static TheoryData<string, string> Blank => new()
    {
        { "nothing", "" }, { "spaces", "  " }, { "a no-break space", "\u00A0" }, { "an ideographic space", "\u3000" },
        { "a zero width space", "\u200B" }, { "a blank Braille pattern", "\u2800" }, { "a Hangul filler", "\u3164" },
        { "a half width filler", "\uFFA0" }, { "Hangul Jamo fillers", "\u115F\u1160" }, { "joiners", "\u200C\u200D" },
        { "an override", "\u202E" }, { "a soft hyphen", "\u00AD" }, { "a word joiner", "\u2060" },
        { "a byte order mark", "\uFEFF" }, { "a variation selector", "\uFE0F" }, { "a grapheme joiner", "\u034F" },
        { "a null note head", "\U0001D159" }, { "tags", "\U000E0041\U000E007F" }, { "a mark alone", "\u0301" },
        { "a reserved place", "\u2065" }, { "several", " \u200B\u2800\u3164\u2060" },
    };

    public static TheoryData<string, string> Wrong => new()
    {
        { "an override", "Ann\u202Enna" }, { "an embedding", "\u202AAnn\u202C" }, { "an isolate", "\u2066Ann\u2069" },
        { "a mark of direction", "Ann\u200F" }, { "an Arabic letter mark", "\u061CAnn" },
        { "a line break", "Ann\nBen" }, { "a line separator", "Ann\u2028Ben" }, { "a control character", "Ann\u0007" },
        { "five marks", "a\u0300\u0301\u0302\u0303\u0304" },
        { "five marks around a joiner", "a\u0300\u0301\u0302\u200D\u0303\u0304" },
        { "enclosing marks", "a\u20DD\u20DD\u20DD\u20DD\u20DD" },
        { "eleven characters", "12345678901" },
    };

    public static TheoryData<string> Good =>
    [
        "Ann", "\u0623\u062D\u0645\u062F", "\u4E2D\u6587", "O'Neill", "a\u0300\u0301\u0302\u0303",
        "\u0E01\u0E33\u0E49", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "1\uFE0F\u20E3", "\u2764\uFE0F", "-",
        "\u200BAnn",
        "\u0646\u0627\u0645\u0647\u200C\u0647\u0627", "\U0001FAE8", "1234567890",
    ];

    [Theory]
    [MemberData(nameof(Blank))]
    public void A_text_that_shows_nothing_is_blank(string what, string text) =>
        Assert.False(PlainText.IsLine(text, 100), what);

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_text_that_changes_what_stands_around_it_is_no_line(string what, string text) =>
        Assert.False(PlainText.IsLine(text, Max), what);

    [Fact]
    public void Half_a_surrogate_is_no_text() => Assert.False(PlainText.IsLine("\uD83D", Max));

    [Theory]
    [MemberData(nameof(Good))]
    public void Names_of_all_scripts_are_lines(string text) => Assert.True(PlainText.IsLine(text, Max));
}
