using ChatCqrs.Application.Users;

namespace ChatCqrs.Application.Specs.Users;

/// <summary>Phones and their countries.</summary>
public sealed class PhoneNumberSpecs
{
    [Theory]
    [InlineData("+12025550123", "1")]
    [InlineData("+79161234567", "7")]
    [InlineData("+4915112345678", "49")]
    [InlineData("+201001234567", "20")]
    [InlineData("+35312345678", "353")]
    [InlineData("+85212345678", "852")]
    [InlineData("+99812345678", "998")]
    [InlineData("+2112345678", "211")]
    [InlineData("+42012345678", "420")]
    public void A_country_code_has_one_to_three_digits(string phone, string country) =>
        Assert.Equal(country, PhoneNumber.CountryOf(phone));

    [Theory]
    [InlineData("49", null)]
    [InlineData("+49", null)]
    [InlineData("1876", null)]
    [InlineData("0049", "Sms:Countries")]
    [InlineData("DE", "Sms:Countries")]
    [InlineData("", "Sms:Countries")]
    [InlineData("12345678", "Sms:Countries")]
    public void A_wrong_country_code_is_named(string code, string? setting)
    {
        var fault = new TextOptions { Countries = ["49", code] }.Fault();

        if (setting is null)
            Assert.Null(fault);
        else
            Assert.StartsWith(setting, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(1, 1_000_000, null)]
    [InlineData(-1, 1, "Sms:PerHour ")]
    [InlineData(1_000_001, 1, "Sms:PerHour ")]
    [InlineData(1, 1_000_001, "Sms:PerCountryAndHour ")]
    public void A_number_of_texts_has_bounds(int perHour, int perCountry, string? setting)
    {
        var fault = new TextOptions { PerHour = perHour, PerCountryAndHour = perCountry }.Fault();

        if (setting is null)
            Assert.Null(fault);
        else
            Assert.StartsWith(setting, fault, StringComparison.Ordinal);
    }
}
