using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Domain.Specs;

public sealed class EmojiSpecs
{
    [Theory]
    [InlineData("👍")]
    [InlineData("👍🏽")]
    [InlineData("❤")]
    [InlineData("❤️")]
    [InlineData("❤️‍🔥")]
    [InlineData("😀")]
    [InlineData("🎉")]
    [InlineData("✅")]
    [InlineData("☑️")]
    [InlineData("👨‍👩‍👧‍👦")]
    [InlineData("👩🏾‍🚀")]
    [InlineData("🏳️‍🌈")]
    [InlineData("🇩🇪")]
    [InlineData("🏴󠁧󠁢󠁥󠁮󠁧󠁿")]
    [InlineData("1️⃣")]
    [InlineData("#️⃣")]
    [InlineData("🫠")]
    [InlineData("🙏")]
    [InlineData("😂")]
    [InlineData("🤷🏻‍♀️")]
    [InlineData("©️")]
    public void This_is_one(string text) => Assert.True(Emoji.IsOne(text));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a")]
    [InlineData("1")]
    [InlineData("#")]
    [InlineData("ok")]
    [InlineData(":)")]
    [InlineData("👍👍")]
    [InlineData("👍 ")]
    [InlineData("a👍")]
    [InlineData("👍a")]
    [InlineData("👍\u0301")]
    [InlineData("👍\u200d")]
    [InlineData("\u200d")]
    [InlineData("\ufe0f")]
    [InlineData("🇩")]
    [InlineData("🇩🇪🇫🇷")]
    [InlineData("🇩🇪🇫")]
    [InlineData("\ud83d")]
    [InlineData("é")]
    [InlineData("中")]
    [InlineData("👨‍👩‍👧‍👦👨‍👩‍👧‍👦")]
    public void This_is_none(string? text) => Assert.False(Emoji.IsOne(text));

    [Fact]
    public void It_has_an_end() => Assert.False(Emoji.IsOne(string.Join('\u200d', Enumerable.Repeat("👍", 40))));
}
