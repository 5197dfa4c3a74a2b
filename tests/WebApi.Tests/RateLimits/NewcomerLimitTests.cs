using System.Net;
using System.Net.WebSockets;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.RateLimits;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server that has two places for sockets of an address that have not said who they are.</summary>
public sealed class NewcomerLimitedServer : ChatServer
{
    public const int NewcomersMax = 2;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        ("RateLimits:NewcomersMax", $"{NewcomersMax}"), ("RateLimits:SocketsMax", "1"),
    ];
}

public sealed class NewcomerLimitTests(NewcomerLimitedServer server) : IClassFixture<NewcomerLimitedServer>
{
    [Fact]
    public async Task An_address_has_few_places_and_gets_each_back()
    {
        var ann = await server.SignInAsync();
        using var one = await JsonSocket.OpenAsync(server);
        using var two = await JsonSocket.OpenAsync(server);

        await Assert.ThrowsAsync<WebSocketException>(() => JsonSocket.OpenAsync(server));
        await one.SendAsync(new { op = "authenticate", access_token = ann.Access });
        await one.NextAsync("welcome");
        using (await JsonSocket.OpenAsync(server))
        {
            await Assert.ThrowsAsync<WebSocketException>(() => JsonSocket.OpenAsync(server));
            using var known = await JsonSocket.OpenAsync(server, (await server.SignInAsync()).Access);
            await known.NextAsync("welcome");
        }

        var places = server.Services.GetRequiredService<NewcomerPlaces>();
        await two.CloseAsync();
        await Eventually.IsTrue(() => places.Count == 0, "all places are free");
    }

    [Fact]
    public async Task A_users_bound_of_sockets_holds_however_they_say_who_they_are()
    {
        var ann = await server.SignInAsync();
        using var first = await JsonSocket.SyncedAsync(server, ann.Access);
        using var second = await JsonSocket.OpenAsync(server);

        await second.SendAsync(new { op = "authenticate", access_token = ann.Access });

        Assert.Equal(1001, await second.ClosedAsync()); // 1008 would say that the device was removed.
        await first.LivesAsync();
    }

    [Fact]
    public async Task Bad_tokens_in_frames_count_to_the_address_as_those_of_handshakes_do()
    {
        await using var guessed = new GuessedServer();
        await guessed.InitializeAsync();
        var ann = await guessed.SignInAsync();
        using var welcomed = await JsonSocket.SyncedAsync(guessed, ann.Access);
        for (var n = 0; n < GuessedServer.GuessesMax; n += 2)
        {
            using var newcomer = await JsonSocket.OpenAsync(guessed);
            await newcomer.SendAsync(new { op = "authenticate", access_token = $"guess{n}" });
            Assert.Equal(4401, await newcomer.ClosedAsync());
            await welcomed.SendAsync(new { op = "authenticate", access_token = $"guess{n}" });
            Assert.Equal("token_invalid", await RefusalAsync());
        }

        await welcomed.SendAsync(new { op = "authenticate", access_token = "guess" });
        Assert.Equal("rate_limited", await RefusalAsync());
        (await guessed.GetAsync("/v1/ws", "guess")).IsProblem(429, "rate_limited");
        using var good = await JsonSocket.OpenAsync(guessed);
        await good.SendAsync(new { op = "authenticate", access_token = ann.Access });
        await good.NextAsync("welcome");

        async Task<string?> RefusalAsync() =>
            (await welcomed.NextAsync("error")).GetProperty("problem").GetProperty("code").GetString();
    }

    [Fact]
    public void All_addresses_together_have_a_bound_too_with_rate_limits_or_without()
    {
        var places = Places(isEnabled: false);
        var one = ClientAddress.Of(IPAddress.Loopback);
        var taken = Enumerable.Range(0, NewcomerPlaces.AllMax).Select(_ => places.Take(one)).ToList();

        var refused = Assert.Throws<Domain.RefusedException>(() => places.Take(Prefix(1)));
        taken[0].Dispose();
        taken[0].Dispose(); // Once is enough.
        places.Take(one);

        Assert.Equal(Domain.Refusal.RateLimited, refused.Refusal);
        Assert.Equal(NewcomerPlaces.AllMax, places.Count);
    }

    [Fact]
    public void Subnets_of_one_customer_count_as_one_address()
    {
        var places = Places(isEnabled: true);
        for (var n = 0; n < 200; n++)
            places.Take(ClientAddress.Of(IPAddress.Parse($"2001:db8:1:ab{n:x2}:{n:x}::1")));

        Assert.Throws<Domain.RefusedException>(
            () => places.Take(ClientAddress.Of(IPAddress.Parse("2001:db8:1:abff::1"))));
        places.Take(ClientAddress.Of(IPAddress.Parse("2001:db8:1:ac00::1")));
        places.Take(ClientAddress.Of(IPAddress.Parse("192.0.2.1")));
    }

    [Theory]
    [InlineData(30)]
    [InlineData(256)]
    [InlineData(1_000)]
    public void Many_addresses_that_take_all_they_get_leave_places_for_others(int count)
    {
        var places = Places(isEnabled: true);
        for (var isTaking = true; isTaking;)
        {
            isTaking = false;
            for (var n = 0; n < count; n++)
                isTaking |= Took(places, Prefix(n));
        }

        Assert.All(Enumerable.Range(count, AddressPlaces.FreePart), n => Assert.True(Took(places, Prefix(n))));
    }

    private static NewcomerPlaces Places(bool isEnabled) => new(
        Microsoft.Extensions.Options.Options.Create(new Application.RateLimitOptions { Enabled = isEnabled }));

    private static ClientAddress Prefix(int n) => ClientAddress.Of(IPAddress.Parse($"2001:db8:{n:x}::1"));

    private static bool Took(NewcomerPlaces places, ClientAddress address)
    {
        try
        {
            places.Take(address);
            return true;
        }
        catch (Domain.RefusedException)
        {
            return false;
        }
    }

    /// <summary>A server that allows an address a few tries of a token.</summary>
    private sealed class GuessedServer : ChatServer
    {
        public const int GuessesMax = 4;

        protected override IEnumerable<(string Name, string Value)> Settings =>
        [
            ("RateLimits:Verifications:Burst", $"{GuessesMax}"), ("RateLimits:Verifications:PerSecond", "0.001"),
        ];
    }
}
