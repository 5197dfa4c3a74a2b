using ChatCqrs.Application.Ports;
using static ChatCqrs.Infrastructure.Tests.Accounts.Given;

namespace ChatCqrs.Infrastructure.Tests.Accounts;

/// <summary>How many codes are sent, to whom, and at whose request.</summary>
public sealed class PostgresCodeLimitsTests(AccountsDatabase database) : IClassFixture<AccountsDatabase>
{
    private static readonly AddressKey There = new(2);
    private readonly IRegistrations _registrations = database.Registrations();

    [Fact]
    public async Task A_phone_gets_only_so_many_codes_an_hour_however_many_ask_at_once_on_two_nodes()
    {
        var phone = NewPhone();
        var other = database.Registrations();

        var refused = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Of(
            i % 2 == 0 ? _registrations : other, phone, From(new((UInt128)i + 100)), PerPhone(hour: 3))));

        Assert.Equal(3, refused.Count(each => each is null));
        Assert.All(
            refused.OfType<CodeRefused>(),
            each => Assert.Equal(new CodeRefused(CodeLimit.Phone, TimeSpan.FromHours(1)), each));
        Assert.Null(await AskAsync(phone, From(Here), PerPhone(hour: 3), Now.AddHours(1)));
    }

    [Fact]
    public async Task A_phone_gets_only_so_many_codes_a_day()
    {
        var phone = NewPhone();
        Assert.Null(await AskAsync(phone, From(Here), PerPhone(day: 2)));
        Assert.Null(await AskAsync(phone, From(Here), PerPhone(day: 2), Now.AddHours(10)));

        Assert.Equal(
            new CodeRefused(CodeLimit.Phone, TimeSpan.FromHours(4)),
            await AskAsync(phone, From(Here), PerPhone(day: 2), Now.AddHours(20)));
        Assert.Null(await AskAsync(phone, From(Here), PerPhone(day: 2), Now.AddHours(24)));
    }

    [Fact]
    public async Task One_address_cannot_use_up_the_codes_of_a_phone()
    {
        var phone = NewPhone();
        var limits = PerPhone(hour: 10, day: 30, addressHour: 2, addressDay: 3);
        Assert.Null(await AskAsync(phone, From(There), limits));
        Assert.Null(await AskAsync(phone, From(There), limits));

        Assert.Equal(
            new CodeRefused(CodeLimit.Address, TimeSpan.FromHours(1)), await AskAsync(phone, From(There), limits));
        Assert.Null(await AskAsync(phone, From(Here), limits));
        Assert.Null(await AskAsync(phone, From(There), limits, Now.AddHours(2)));
        Assert.Equal(
            new CodeRefused(CodeLimit.Address, TimeSpan.FromHours(20)),
            await AskAsync(phone, From(There), limits, Now.AddHours(4)));
    }

    [Fact]
    public async Task Outsiders_do_not_keep_an_address_and_a_device_from_signing_in_that_did_before()
    {
        var phone = NewPhone();
        var signIn = await SignedInAsync(database, phone: phone, address: Here);
        var limits = PerPhone(hour: 2, addressHour: 1);
        for (var i = 0; i < 2; i++)
            await AskAsync(phone, From(new((UInt128)i + 100)), limits);
        Assert.Equal(CodeLimit.Phone, (await AskAsync(phone, From(There), limits))!.By);

        Assert.Null(await AskAsync(phone, From(Here), limits));
        Assert.Null(await AskAsync(phone, From(Here), limits));
        Assert.Equal(CodeLimit.Phone, (await AskAsync(phone, From(Here), limits))!.By);
        Assert.Null(await AskAsync(phone, From(Here, signIn.Device), limits));
        Assert.Null(await AskAsync(phone, From(There, signIn.Device), limits));
        Assert.Equal(CodeLimit.Phone, (await AskAsync(phone, From(There, signIn.Device), limits))!.By);
    }

    [Fact]
    public async Task A_device_and_an_address_of_another_account_are_strangers()
    {
        var other = await SignedInAsync(database, address: There);
        var phone = NewPhone();
        await SignedInAsync(database, phone: phone, address: Here);
        var limits = PerPhone(hour: 2); // The sign-in took one.
        Assert.Null(await AskAsync(phone, From(There), limits));

        Assert.NotNull(await AskAsync(phone, From(There), limits));
        Assert.NotNull(await AskAsync(phone, From(There, other.Device), limits));
    }

    [Fact]
    public async Task Other_phones_are_not_counted()
    {
        Assert.Null(await AskAsync(NewPhone(), From(Here), PerPhone(hour: 1)));
        Assert.Null(await AskAsync(NewPhone(), From(Here), PerPhone(hour: 1)));
    }

    [Fact]
    public async Task A_country_gets_only_so_many_texts_an_hour_however_many_ask_at_once()
    {
        var (at, limits) = (Now.AddDays(10), new CodeLimits(null, new TextLimits(1_000, 10)));
        await SignedInAsync(database, phone: new(7), address: There);

        var refused = await Task.WhenAll(Enumerable.Range(0, 20).Select(
            _ => AskAsync(NewPhone(), From(Here, country: "882"), limits, at)));

        Assert.Equal(8, refused.Count(each => each is null)); // A fifth is kept.
        Assert.All(refused.OfType<CodeRefused>(), each => Assert.Equal(CodeLimit.Country, each.By));
        var hour = new DateTimeOffset(2026, 1, 12, 4, 0, 0, TimeSpan.Zero);
        Assert.All(refused.OfType<CodeRefused>(), each => Assert.Equal(hour - at, each.RetryAfter));
        Assert.Null(await AskAsync(NewPhone(), From(Here, country: "883"), limits, at));
        Assert.Null(await AskAsync(new(7), From(There, country: "882"), limits, at));
        Assert.Null(await AskAsync(new(7), From(There, country: "882"), limits, at));
        Assert.Equal(CodeLimit.Country, (await AskAsync(new(7), From(There, country: "882"), limits, at))!.By);
        Assert.Null(await AskAsync(NewPhone(), From(Here, country: "882"), limits, at.AddHours(1)));
    }

    [Fact]
    public async Task All_countries_together_get_only_so_many_texts_an_hour_and_what_is_refused_does_not_count()
    {
        var (at, limits) = (Now.AddDays(20), new CodeLimits(null, new TextLimits(5, 100)));
        for (var i = 0; i < 4; i++)
            Assert.Null(await AskAsync(NewPhone(), From(Here, country: $"{i + 30}"), limits, at));

        for (var i = 0; i < 200; i++)
            Assert.Equal(CodeLimit.Total, (await AskAsync(NewPhone(), From(Here), limits, at))!.By);

        var wider = new CodeLimits(null, new TextLimits(1_000, 100));
        Assert.Null(await AskAsync(NewPhone(), From(Here), wider, at)); // The country has counted none of them.
    }

    private Task<CodeRefused?> AskAsync(
        PhoneKey phone, CodeOrigin origin, CodeLimits limits, DateTimeOffset? at = null) =>
        Of(_registrations, phone, origin, limits, at);

    private static Task<CodeRefused?> Of(
        IRegistrations registrations, PhoneKey phone, CodeOrigin origin, CodeLimits limits,
        DateTimeOffset? at = null) =>
        registrations.AddAsync(NewRegistration(phone, at), origin, limits, default);

    private static CodeLimits PerPhone(
        int hour = 1_000, int day = 1_000, int addressHour = 1_000, int addressDay = 1_000) =>
        new(new PhoneLimits(hour, day, addressHour, addressDay), null);
}
