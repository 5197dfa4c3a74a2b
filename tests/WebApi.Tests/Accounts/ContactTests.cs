using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.Accounts;

/// <summary>A server with a small limit of contact lookups.</summary>
public sealed class ContactServer : ChatServer
{
    public const int PhonesMax = 250;

    protected override IEnumerable<(string Name, string Value)> Settings =>
        [("RateLimits:Contacts:Burst", $"{PhonesMax}"), ("RateLimits:Contacts:PerSecond", "0.001")];
}

public sealed class ContactTests(ContactServer server) : IClassFixture<ContactServer>
{
    [Fact]
    public async Task Those_who_are_here_are_found_and_the_others_left_out()
    {
        var (annsPhone, bensPhone, nobodys) = (NewPhone(), NewPhone(), NewPhone());
        var ann = await server.SignInAsync(annsPhone, "Ann");
        var ben = await server.SignInAsync(bensPhone, "Ben");
        (await server.StartAsync(nobodys)).Is(202); // Started, never verified.

        var found = (await LookUpAsync(ann, nobodys, bensPhone, annsPhone, bensPhone)).Is(200);

        Assert.Equal(["matches", "invalid"], found.Body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            [(bensPhone, ben.User, "Ben"), (annsPhone, ann.User, "Ann")],
            found["matches"].EnumerateArray().Select(match => (
                match.GetProperty("phone").GetString()!, match.GetProperty("user_id").GetString()!,
                match.GetProperty("name").GetString()!)));
        Assert.Equal(0, found["invalid"].GetArrayLength());
    }

    [Fact]
    public async Task What_is_no_phone_is_named_and_the_others_are_looked_up()
    {
        var phone = NewPhone();
        var ann = await server.SignInAsync(phone, "Ann");

        var found = (await LookUpAsync(ann, "0151 1234", phone, "", "+12", "0151 1234", phone + " ")).Is(200);

        Assert.Equal(
            [phone], found["matches"].EnumerateArray().Select(match => match.GetProperty("phone").GetString()));
        Assert.Equal(
            ["0151 1234", "", "+12", phone + " "],
            found["invalid"].EnumerateArray().Select(text => text.GetString()));
        Assert.Equal(1, (await LookUpAsync(ann, "0151 1234")).Is(200)["invalid"].GetArrayLength());
    }

    [Fact]
    public async Task A_malformed_list_of_phones_is_refused()
    {
        var ann = await server.SignInAsync();

        (await LookUpAsync(ann)).IsInvalid("phones");
        (await server.PostAsync("/v1/contacts/lookup", new { phones = new string?[] { null } }, ann.Access))
            .IsInvalid("phones");
        (await server.PostAsync("/v1/contacts/lookup", new { }, ann.Access)).IsInvalid("phones");
        (await server.PostAsync("/v1/contacts/lookup", new { phones = "+12025550123" }, ann.Access))
            .IsProblem(400, "malformed_json");
        (await server.PostAsync("/v1/contacts/lookup", new { phones = Array.Empty<string>() }))
            .IsProblem(401, "unauthenticated");

        var ben = await server.SignInAsync();
        (await LookUpAsync(ben, [.. Enumerable.Range(0, 201).Select(_ => NewPhone())])).IsInvalid("phones");
    }

    [Fact]
    public async Task Phones_are_counted_not_calls()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        (await LookUpAsync(ann, [.. Enumerable.Range(0, 200).Select(_ => NewPhone())])).Is(200);

        var limited = (await LookUpAsync(ann, [.. Enumerable.Range(0, 100).Select(_ => NewPhone())]))
            .IsProblem(429, "rate_limited");

        Assert.True(limited.Headers.RetryAfter!.Delta > TimeSpan.FromHours(10));
        (await LookUpAsync(ann, NewPhone())).Is(200);
        (await LookUpAsync(ben, NewPhone())).Is(200);
    }

    private Task<Answer> LookUpAsync(Tokens who, params string[] phones) =>
        server.PostAsync("/v1/contacts/lookup", new { phones }, who.Access);
}
