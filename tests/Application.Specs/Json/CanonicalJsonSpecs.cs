using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Json;
using FsCheck.Xunit;

namespace ChatCqrs.Application.Specs.Json;

/// <summary>The examples are those of RFC 8785 where they name a section.</summary>
public sealed class CanonicalJsonSpecs
{
    [Theory]
    [InlineData("""{"b":1,"a":[true,null,{"d":"x","c":false}]}""", """{"a":[true,null,{"c":false,"d":"x"}],"b":1}""")]
    [InlineData(" { \"a\" : [ ] , \"b\" : { } } ", """{"a":[],"b":{}}""")]
    [InlineData("""[[],[[]],[{}]]""", """[[],[[]],[{}]]""")]
    [InlineData("""["[","{",","]""", """["[","{",","]""")]
    public void White_space_goes_and_names_are_ordered(string json, string canonical) =>
        Assert.Equal(canonical, Canonical(json));

    /// <summary>But for 1E30, which is a whole number beyond what RFC 8785 keeps exactly.</summary>
    [Fact]
    public void Section_3_2_2() => Assert.Equal(
        "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1E30,4.5,0.002,1e-27],"
        + "\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        Canonical(
            """
            {"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
             "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}
            """));

    [Fact]
    public void Section_3_2_3() => Assert.Equal(
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"\u00f6\":\"Latin Small Letter O With "
        + "Diaeresis\",\"\u20ac\":\"Euro Sign\",\"\U0001F600\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter "
        + "Dalet With Dagesh\"}",
        Canonical(
            """
            {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
             "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
            """));

    [Theory]
    [InlineData("0", "0")]
    [InlineData("-0", "0")]
    [InlineData("-0.0e9", "0")]
    [InlineData("1.0", "1")]
    [InlineData("10e-1", "1")]
    [InlineData("100", "100")]
    [InlineData("1E2", "100")]
    [InlineData("-12.50", "-12.5")]
    [InlineData("0.000001", "0.000001")]
    [InlineData("0.0000001", "1e-7")]
    [InlineData("5e-324", "5e-324")]
    [InlineData("1.5e300", "15E299")]
    [InlineData("999999999999999", "999999999999999")]
    [InlineData("333333333.33333329", "333333333.3333333")]
    [InlineData("9007199254740993", "9007199254740993E0")]
    [InlineData("9007199254740992.0", "9007199254740992E0")]
    [InlineData("1e400", "1E400")]
    [InlineData("10e399", "1E400")]
    [InlineData("1e-400", "1E-400")]
    [InlineData("1e99999999999999999999", "1E99999999999999999999")]
    public void A_number_has_one_form(string literal, string form) =>
        Assert.Equal(form, CanonicalJson.NumberOf(literal));

    [Theory]
    [InlineData("9007199254740992", "9007199254740993")]
    [InlineData("18446744073709551615", "18446744073709551614")]
    [InlineData("1e400", "1e401")]
    [InlineData("1e-400", "0")]
    [InlineData("1", "-1")]
    [InlineData("\"1\"", "1")]
    [InlineData("[1,2]", "[2,1]")]
    [InlineData("{}", "[]")]
    [InlineData("null", "false")]
    [InlineData("\"e\\u0301\"", "\"\\u00e9\"")]
    public void Different_values_stay_different(string one, string other) =>
        Assert.NotEqual(Canonical(one), Canonical(other));

    [Property]
    public void Whole_numbers_of_64_bits_keep_their_value(long one, long other) => Assert.Equal(
        one == other, CanonicalJson.NumberOf($"{one}") == CanonicalJson.NumberOf($"{other}"));

    private static string Canonical(string json) =>
        Encoding.UTF8.GetString(CanonicalJson.ToBytes(JsonSerializer.Deserialize<JsonElement>(json)));
}
