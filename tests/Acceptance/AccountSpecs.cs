using System.Globalization;
using System.Net.WebSockets;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Registration, tokens and devices: who is authenticated, and how access ends.</summary>
public sealed class AccountSpecs(Product product) : IClassFixture<Product>
{
    private const int WrongCodes = 5;

    [Fact]
    public async Task A_request_without_a_valid_token_is_refused()
    {
        var ada = await product.RegisterAsync();
        var keys = (await product.Api.GetAsync("/.well-known/jwks.json")).Expect(200).Json.GetProperty("keys");
        var jwt = new Jwt(ada.Token);
        Assert.Equal("ES256", jwt.Header.Text("alg"));
        var key = keys.EnumerateArray().Single(k => k.Text("kid") == jwt.Header.Text("kid"));
        Assert.Equal(("EC", "P-256", "ES256"), (key.Text("kty"), key.Text("crv"), key.Text("alg")));
        Assert.True(jwt.IsSignedBy(key));
        Assert.All(
            keys.EnumerateArray(),
            k => Assert.False(k.TryGetProperty("d", out _), "The private key is not published."));

        string?[] tokens = [null, "", "rubbish", "a.b.c", new string('x', 5000), ada.Session.RefreshToken,
            .. jwt.Forgeries(key)];
        foreach (var token in tokens)
        {
            foreach (var path in (string[])["/v1/users/me", "/v1/conversations", "/v1/messages", "/v1/devices",
                "/v1/admin/projections"])
                (await product.Api.GetAsync(path, token)).Expect(401);
            (await product.Api.PostAsync("/v1/messages", "{", token)).Expect(401);
            if (token is null)
                continue; // A socket may say in its first frame whose it is.
            var refused = await Assert.ThrowsAsync<WebSocketException>(
                () => ChatSocket.OpenAsync(product.Api.Address, token));
            Assert.Equal(401, refused.Data["status"]);
            await using var socket = await ChatSocket.OpenAsync(product.Api.Address, token: null);
            await socket.SendAsync(new { op = "authenticate", access_token = token });
            Assert.Equal(4401, await socket.ClosedAsync());
        }
        (await product.Api.GetAsync("/v1/users/me", ada.Token)).Expect(200);
    }

    [Fact]
    public async Task A_socket_says_whose_it_is_in_its_first_frame_and_goes_on_under_a_new_token()
    {
        var ada = await product.RegisterAsync();
        await using var socket = await ChatSocket.OpenAsync(product.Api.Address, token: null);
        await socket.SendAsync(new { op = "authenticate", access_token = ada.Token });
        var welcome = (await socket.NextAsync("welcome")).Body;
        Assert.Equal((ada.Id, ada.Session.DeviceId), (welcome.Id("user_id"), welcome.Id("device_id")));
        Assert.Equal("welcome", socket.Frames()[0].Op);
        await socket.NextAsync("synced");
        await socket.SendAsync(new { op = "authenticate", access_token = ada.Token });
        Assert.Equal(
            welcome.Text("expires_at"), (await socket.NextAsync("authenticated")).Body.Text("expires_at"));
        await socket.PingAsync();
    }

    [Fact]
    public async Task A_socket_takes_its_token_from_the_query_too()
    {
        var ada = await product.RegisterAsync();
        await using var socket = await ChatSocket.OpenAsync(product.Api.Address, ada.Token, tokenInQuery: true);
        var welcome = (await socket.NextAsync("welcome")).Body;
        Assert.Equal((ada.Id, ada.Session.DeviceId), (welcome.Id("user_id"), welcome.Id("device_id")));
        var time = DateTimeOffset.Parse(welcome.Text("server_time")!, CultureInfo.InvariantCulture);
        Assert.True((DateTimeOffset.UtcNow - time).Duration() < TimeSpan.FromMinutes(1));
        Assert.NotNull(welcome.Text("session_id"));
        Assert.True(welcome.TryGetProperty("limits", out _));
        await socket.NextAsync("synced");
        await socket.PingAsync();
        (await product.Api.GetAsync($"/v1/users/me?access_token={ada.Token}")).Expect(401); // Only the socket does.
        var refused = await Assert.ThrowsAsync<WebSocketException>(
            () => ChatSocket.OpenAsync(product.Api.Address, "rubbish", tokenInQuery: true));
        Assert.Equal(401, refused.Data["status"]);
    }

    [Fact]
    public async Task Five_wrong_codes_end_a_registration()
    {
        async Task<Answer> Verify(Guid registration, string? code, string name = "x") => await product.Api.PostAsync(
            $"/v1/registrations/{registration}/verification", new { code, device = new { name, platform = "web" } });

        var begun = (await product.Api.PostAsync("/v1/registrations", new { phone = Phones.Next() }))
            .Expect(202).Read<Registration>();
        Assert.Matches("^[0-9]{6}$", begun.Code);
        var wrong = begun.Code == "000000" ? "000001" : "000000";
        (await Verify(Guid.CreateVersion7(), "123456")).Expect(404);
        for (var i = 1; i < WrongCodes; i++) (await Verify(begun.RegistrationId, wrong)).Expect(400, "wrong_code");
        (await Verify(begun.RegistrationId, wrong)).Expect(400, 410);
        (await Verify(begun.RegistrationId, wrong)).Expect(410);
        (await Verify(begun.RegistrationId, begun.Code)).Expect(410);

        // Four wrong codes do not; a code works once, but an answer that was lost can be had again.
        var phone = Phones.Next();
        var other = (await product.Api.PostAsync("/v1/registrations", new { phone, name = "Bob" }))
            .Expect(202).Read<Registration>();
        for (var i = 1; i < WrongCodes; i++)
            (await Verify(other.RegistrationId, other.Code == "000000" ? "000001" : "000000"))
                .Expect(400, "wrong_code");
        var answer = (await Verify(other.RegistrationId, other.Code)).Expect(200).Body;
        Assert.Equal(answer, (await Verify(other.RegistrationId, other.Code)).Expect(200).Body);
        (await Verify(other.RegistrationId, other.Code, "y")).Expect(410);
    }

    [Fact]
    public async Task Parallel_guesses_share_the_five_attempts()
    {
        var begun = (await product.Api.PostAsync("/v1/registrations", new { phone = Phones.Next() }))
            .Expect(202).Read<Registration>();
        var wrong = begun.Code == "000000" ? "000001" : "000000";
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => product.Api.PostAsync(
            $"/v1/registrations/{begun.RegistrationId}/verification",
            new { code = wrong, device = new { name = "x", platform = "web" } })));
        Assert.True(
            answers.Count(answer => answer.Expect(400, 410, 409).Status == 400) <= WrongCodes,
            "Five guesses, not more.");
    }

    [Fact]
    public async Task Registering_a_known_phone_adds_a_device()
    {
        var ada = await product.RegisterAsync();
        var laptop = await ada.AddDeviceAsync();
        Assert.Equal(ada.Id, laptop.Id);
        var me = (await laptop.GetAsync("/v1/users/me")).Expect(200).Json;
        Assert.Equal((ada.Id, ada.Phone), (me.Id("user_id"), me.Text("phone")));
        foreach (var name in (string[])["name", "about", "avatar", "created_at"])
            Assert.True(me.TryGetProperty(name, out _), name);

        var devices = (await ada.GetAsync("/v1/devices"))
            .Expect(200).Json.GetProperty("devices").EnumerateArray().Select(Json.Read<Device>).ToList();
        Assert.Equal(
            [.. new[] { ada.Session.DeviceId, laptop.Session.DeviceId }.Order()],
            devices.Select(device => device.DeviceId).Order());
        Assert.Equal(ada.Session.DeviceId, Assert.Single(devices, device => device.Current).DeviceId);
        Assert.Equal(["Laptop", "Pixel"], devices.Select(device => device.Name).Order());
    }

    [Fact]
    public async Task Concurrent_registrations_of_one_phone_make_one_user()
    {
        var phone = Phones.Next();
        var people = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => RegisterAsync()));
        Assert.Single(people.Select(person => person.Id).Distinct());
        Assert.Equal(6, people.Select(person => person.DeviceId).Distinct().Count());

        // A newer code ends the older ones, so somebody whose code has ended asks for another.
        async Task<(Guid Id, Guid DeviceId)> RegisterAsync()
        {
            while (true)
            {
                var begun = (await product.Api.PostAsync("/v1/registrations", new { phone }))
                    .Expect(202).Read<Registration>();
                var verified = (await product.Api.PostAsync(
                    $"/v1/registrations/{begun.RegistrationId}/verification",
                    new { code = begun.Code, device = new { name = "x", platform = "web" } })).Expect(200, 410);
                if (verified.Status == 200)
                    return (verified.Json.Id("user_id"), verified.Json.Id("device_id"));
            }
        }
    }

    [Fact]
    public async Task A_refresh_token_works_once_and_its_reuse_revokes_the_device()
    {
        var ada = await product.RegisterAsync();
        var laptop = await ada.AddDeviceAsync();
        var first = ada.Session;
        await ada.RefreshAsync();
        Assert.Equal((first.UserId, first.DeviceId), (ada.Session.UserId, ada.Session.DeviceId));
        Assert.NotEqual(first.RefreshToken, ada.Session.RefreshToken);
        Assert.InRange(ada.Session.ExpiresIn, 1, 24 * 3600);
        (await ada.GetAsync("/v1/users/me")).Expect(200);
        await ada.RefreshAsync();

        (await product.Api.PostAsync("/v1/tokens/refresh", new { refresh_token = first.RefreshToken })).Expect(401);
        (await product.Api.PostAsync("/v1/tokens/refresh", new { refresh_token = ada.Session.RefreshToken }))
            .Expect(401);
        await Eventually.BeAsync(
            async () => (await ada.GetAsync("/v1/users/me")).Status == 401, "the device's access token is revoked");
        (await laptop.GetAsync("/v1/users/me")).Expect(200);
        await laptop.RefreshAsync();
        (await product.Api.PostAsync("/v1/tokens/refresh", new { refresh_token = "rubbish" })).Expect(400, 401);
    }

    [Fact]
    public async Task Parallel_refreshes_get_the_same_tokens_until_these_were_used()
    {
        var ada = await product.RegisterAsync();
        var first = ada.Session.RefreshToken;
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(
                _ => product.Api.PostAsync("/v1/tokens/refresh", new { refresh_token = first })));
        Assert.Single(answers.Select(answer => answer.Expect(200).Json.Text("refresh_token")).Distinct());

        await ada.RefreshAsync();
        Assert.Equal(answers[0].Json.Text("refresh_token"), ada.Session.RefreshToken);
        (await ada.GetAsync("/v1/users/me")).Expect(200);
        (await product.Api.PostAsync("/v1/tokens/refresh", new { refresh_token = first })).Expect(401);
        (await ada.GetAsync("/v1/users/me")).Expect(401);
    }

    [Fact]
    public async Task A_removed_device_loses_access_at_once()
    {
        var (ada, bob) = await product.PairAsync();
        var laptop = await ada.AddDeviceAsync();
        await using var phones = await ada.ConnectAsync();
        await using var laptops = await laptop.ConnectAsync();
        (await ada.DeleteAsync($"/v1/devices/{laptop.Session.DeviceId}")).Expect(200, 204);

        Assert.Equal(1008, await laptops.ClosedAsync());
        await Eventually.BeAsync(
            async () => (await laptop.GetAsync("/v1/users/me")).Status == 401, "its access token is dead");
        (await laptop.PostMessageAsync(Draft.To(bob.Id, "from a stolen laptop"))).Expect(401);
        (await product.Api.PostAsync("/v1/tokens/refresh", new { refresh_token = laptop.Session.RefreshToken }))
            .Expect(401);
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => laptop.OpenAsync());
        Assert.Equal(401, refused.Data["status"]);

        await phones.PingAsync();
        (await ada.DeleteAsync($"/v1/devices/{laptop.Session.DeviceId}")).Expect(404, 204);
        (await ada.DeleteAsync($"/v1/devices/{Guid.CreateVersion7()}")).Expect(404);
        Assert.Single((await ada.GetAsync("/v1/devices")).Expect(200).Json.GetProperty("devices").EnumerateArray());
    }

    [Fact]
    public async Task Users_change_their_own_profile_and_others_see_it()
    {
        var (ada, bob) = await product.PairAsync();
        var patched = (await ada.PatchAsync("/v1/users/me", new { name = "Countess", about = "Engines" }))
            .Expect(200, 204);
        var me = (await ada.GetAsync("/v1/users/me", patched.Position)).Expect(200).Json;
        Assert.Equal(("Countess", "Engines", ada.Phone), (me.Text("name"), me.Text("about"), me.Text("phone")));
        var partly = (await ada.PatchAsync("/v1/users/me", new { about = "Numbers" })).Expect(200, 204);
        var seen = (await bob.GetAsync($"/v1/users/{ada.Id}", partly.Position)).Expect(200).Json;
        Assert.Equal(("Countess", "Numbers"), (seen.Text("name"), seen.Text("about")));
    }
}
