namespace ChatCqrs.Application.Specs;

public sealed class UuidsSpecs
{
    [Theory]
    [InlineData("0198c2a4-7f00-7000-8000-0000000000a1")]
    [InlineData("0198C2A4-7F00-7000-8000-0000000000A1")]
    public void An_id_has_36_characters(string text) => Assert.True(Uuids.IsOne(text));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" 0198c2a4-7f00-7000-8000-0000000000a1")]
    [InlineData("0198c2a4-7f00-7000-8000-0000000000a1\n")]
    [InlineData("{0198c2a4-7f00-7000-8000-0000000000a1}")]
    [InlineData("0198c2a47f0070008000-0000000000a1")]
    [InlineData("0x98c2a4-7f00-7000-8000-0000000000a1")]
    [InlineData("+198c2a4-7f00-7000-8000-0000000000a1")]
    [InlineData("0198c2a4-7f00-7000-8000-00000000 0a1")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    public void Another_text_is_none(string? text) => Assert.False(Uuids.IsOne(text));
}
