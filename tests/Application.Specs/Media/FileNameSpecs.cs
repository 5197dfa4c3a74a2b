using ChatCqrs.Application.Media;

namespace ChatCqrs.Application.Specs.Media;

/// <summary>Names of files lose what confuses, and keep what scripts need.</summary>
public sealed class FileNameSpecs
{
    [Theory]
    [InlineData("\u0645\u06cc\u200c\u062e.pdf", "\u0645\u06cc\u200c\u062e.pdf")] // Persian, with a non-joiner.
    [InlineData("\ud83d\udc69\u200d\ud83d\ude80.png", "\ud83d\udc69\u200d\ud83d\ude80.png")] // An emoji of two.
    [InlineData("a\u202egnp.exe", "agnp.exe")]
    [InlineData("\u200e\u200f\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069\u061ca.png", "a.png")]
    [InlineData("\ufeffa\u00ad\u0000\u0007b.png", "ab.png")]
    [InlineData("..\\..\\x/y/a.png", "a.png")]
    [InlineData("\u200c\u200d", null)]
    [InlineData("\u202e", null)]
    [InlineData(" . ", null)]
    [InlineData(null, null)]
    public void A_name_is_cleaned(string? name, string? clean) => Assert.Equal(clean, FileNames.Clean(name));
}
