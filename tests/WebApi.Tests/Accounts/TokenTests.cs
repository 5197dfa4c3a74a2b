using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.Accounts;

public sealed class TokenTests(ChatServer server) : IClassFixture<ChatServer>
{
    private const string Me = "/v1/users/me";

    [Fact]
    public async Task A_refresh_gives_new_tokens_of_the_same_device()
    {
        var tokens = await server.SignInAsync();

        var next = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));

        Assert.Equal((tokens.User, tokens.Device), (next.User, next.Device));
        Assert.NotEqual(tokens.Access, next.Access);
        Assert.NotEqual(tokens.Refresh, next.Refresh);
        (await server.GetAsync(Me, next.Access)).Is(200);
        (await server.RefreshAsync(next.Refresh)).Is(200);
    }

    [Fact]
    public async Task A_refresh_token_that_comes_again_ends_all_tokens_of_its_device_at_once()
    {
        var phone = NewPhone();
        var other = await server.SignInAsync(phone);
        var tokens = await server.SignInAsync(phone);
        var next = Tokens.Of(await server.RefreshAsync(tokens.Refresh));
        (await server.GetAsync(Me, next.Access)).Is(200);
        using var socket = await server.ConnectAsync(next.Access);

        (await server.RefreshAsync(tokens.Refresh)).IsProblem(401, "refresh_token_reused");

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, await CloseAsync(socket));
        (await server.GetAsync(Me, tokens.Access)).IsProblem(401, "device_signed_out");
        (await server.GetAsync(Me, next.Access)).IsProblem(401, "device_signed_out");
        (await server.RefreshAsync(next.Refresh)).IsProblem(401, "refresh_token_invalid");
        (await server.GetAsync(Me, other.Access)).Is(200);
    }

    [Fact]
    public async Task A_refresh_token_from_long_ago_is_still_recognised()
    {
        var tokens = await server.SignInAsync();
        var newest = tokens.Refresh;
        for (var i = 0; i < 10; i++)
            newest = (await server.RefreshAsync(newest)).Text("refresh_token");

        (await server.RefreshAsync(tokens.Refresh)).IsProblem(401, "refresh_token_reused");

        (await server.RefreshAsync(newest)).IsProblem(401, "refresh_token_invalid");
    }

    [Fact]
    public async Task A_refresh_whose_answer_was_lost_is_answered_alike_until_its_tokens_were_used()
    {
        var tokens = await server.SignInAsync();
        (await server.GetAsync(Me, tokens.Access)).Is(200);
        var lost = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));

        var again = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));
        (await server.GetAsync(Me, tokens.Access)).Is(200); // The older access token is no sign of the newer ones.
        var third = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));

        Assert.Equal((lost.Refresh, lost.Refresh), (again.Refresh, third.Refresh));
        Assert.Equal((tokens.User, tokens.Device), (again.User, again.Device));
        (await server.GetAsync(Me, lost.Access)).Is(200);
        (await server.RefreshAsync(tokens.Refresh)).IsProblem(401, "refresh_token_reused");
        (await server.GetAsync(Me, third.Access)).IsProblem(401, "device_signed_out");
    }

    [Fact]
    public async Task A_refresh_of_which_nobody_knows_what_became_is_503_and_works_when_it_comes_again()
    {
        var tokens = await server.SignInAsync();
        Answer unknown;
        await using (var busy = await server.Database.OpenConnectionAsync())
        {
            await using var transaction = await busy.BeginTransactionAsync();
            await using var hold = new NpgsqlCommand(
                $"SELECT true FROM chat.device_sessions WHERE device_id = '{tokens.Device}' FOR UPDATE", busy);
            await hold.ExecuteScalarAsync();
            var refreshing = server.RefreshAsync(tokens.Refresh);
            await using var cancel = server.Database.CreateCommand(
                "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'" +
                " AND datname = current_database() AND query LIKE 'UPDATE device_sessions s SET%'");
            await Testing.Eventually.IsTrue(
                async () => await cancel.ExecuteScalarAsync() is >= 0L && refreshing.IsCompleted,
                "every attempt has failed");
            unknown = (await refreshing).IsProblem(503, "store_unavailable");
        }

        Assert.NotNull(unknown.Headers.RetryAfter);
        var next = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));
        (await server.GetAsync(Me, next.Access)).Is(200);
    }

    [Fact]
    public async Task The_first_access_token_of_a_repeated_refresh_is_good_as_well()
    {
        var tokens = await server.SignInAsync();
        var first = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));
        var again = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));

        (await server.GetAsync(Me, again.Access)).Is(200);
        (await server.GetAsync(Me, first.Access)).Is(200);
        (await server.RefreshAsync(again.Refresh)).Is(200);
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("access_token")]
    [InlineData("authenticate")]
    [InlineData("renewal")]
    public async Task A_socket_uses_the_tokens_as_well(string by)
    {
        var tokens = await server.SignInAsync();
        var next = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));

        using var socket = by switch
        {
            "Bearer" => await server.ConnectAsync(next.Access),
            "access_token" => await ConnectByAddressAsync($"access_token={next.Access}"),
            "authenticate" => await ConnectByAddressAsync(""),
            _ => await server.ConnectAsync(tokens.Access),
        };
        if (by is "authenticate" or "renewal")
        {
            await AuthenticateAsync(socket, next.Access);
            await HearsAsync(socket, by == "authenticate" ? "welcome" : "authenticated");
        }

        (await server.RefreshAsync(tokens.Refresh)).IsProblem(401, "refresh_token_reused");
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, await CloseAsync(socket));
    }

    [Fact]
    public async Task Refreshes_at_the_same_time_on_two_nodes_give_the_same_refresh_token()
    {
        var other = new ChatServer { Beside = server };
        await other.InitializeAsync();
        for (var round = 0; round < 5; round++)
        {
            var tokens = await server.SignInAsync();

            var answers = await Task.WhenAll(
                new[] { server, other, server, other }.Select(node => node.RefreshAsync(tokens.Refresh)));

            var next = answers.Select(answer => Tokens.Of(answer.Is(200))).ToArray();
            Assert.Single(next.Select(each => each.Refresh).Distinct());
            await Task.WhenAll(next.Select(async each => (await other.GetAsync(Me, each.Access)).Is(200)));
            (await server.RefreshAsync(tokens.Refresh)).IsProblem(401, "refresh_token_reused");
            (await server.GetAsync(Me, next[0].Access)).IsProblem(401, "device_signed_out");
        }

        await other.DisposeAsync();
    }

    [Fact]
    public async Task The_successor_of_a_refresh_token_uses_its_predecessor_up()
    {
        var tokens = await server.SignInAsync();
        var second = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));
        var third = Tokens.Of((await server.RefreshAsync(second.Refresh)).Is(200));

        Assert.Equal(third.Refresh, (await server.RefreshAsync(second.Refresh)).Is(200).Text("refresh_token"));
        (await server.RefreshAsync(tokens.Refresh)).IsProblem(401, "refresh_token_reused");
    }

    [Fact]
    public async Task No_row_shows_a_refresh_token()
    {
        var tokens = await server.SignInAsync();
        var next = Tokens.Of((await server.RefreshAsync(tokens.Refresh)).Is(200));

        await using var command = server.Database.CreateCommand(
            "SELECT s::text FROM chat.device_sessions s WHERE device_id = $1");
        command.Parameters.Add(new() { Value = Guid.Parse(tokens.Device) });
        var row = (string)(await command.ExecuteScalarAsync())!;

        foreach (var token in new[] { tokens.Refresh, next.Refresh })
        {
            var secret = Convert.ToHexStringLower(WebEncoders.Base64UrlDecode(token).AsSpan(16, 16));
            Assert.DoesNotContain(secret, row, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_malformed_refresh_token_is_refused_without_an_effect()
    {
        var tokens = await server.SignInAsync();
        var bytes = WebEncoders.Base64UrlDecode(tokens.Refresh);
        bytes[20] ^= 1; // The token still names the device.

        (await server.RefreshAsync(WebEncoders.Base64UrlEncode(bytes))).IsProblem(401, "refresh_token_invalid");
        (await server.RefreshAsync("rubbish")).IsProblem(401, "refresh_token_invalid");
        (await server.RefreshAsync(tokens.Access)).IsProblem(401, "refresh_token_invalid");
        (await server.RefreshAsync("")).IsInvalid("refresh_token");
        (await server.PostAsync("/v1/tokens/refresh", new { })).IsInvalid("refresh_token");

        (await server.RefreshAsync(tokens.Refresh)).Is(200);
    }

    [Fact]
    public async Task A_request_without_a_token_gets_a_challenge()
    {
        var answer = (await server.GetAsync(Me)).IsProblem(401, "unauthenticated");

        Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task A_token_that_is_none_is_refused()
    {
        var tokens = await server.SignInAsync();

        var answer = (await server.GetAsync(Me, tokens.Access[..^4] + "AAAA")).IsProblem(401, "token_invalid");

        Assert.Contains("invalid_token", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        (await server.GetAsync(Me, tokens.Refresh)).IsProblem(401, "token_invalid");
    }

    [Fact]
    public async Task A_token_that_has_expired_is_refused()
    {
        var tokens = await server.SignInAsync();

        (await server.GetAsync(Me, Expired(tokens))).IsProblem(401, "token_expired");
    }

    [Fact]
    public async Task The_key_set_verifies_access_tokens()
    {
        var token = (await server.SignInAsync()).Access.Split('.');
        var header = JsonSerializer.Deserialize<JsonElement>(WebEncoders.Base64UrlDecode(token[0]));

        var keys = (await server.GetAsync("/.well-known/jwks.json")).Is(200);

        var key = keys["keys"].EnumerateArray()
            .Single(key => key.GetProperty("kid").GetString() == header.GetProperty("kid").GetString());
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint
            {
                X = WebEncoders.Base64UrlDecode(key.GetProperty("x").GetString()!),
                Y = WebEncoders.Base64UrlDecode(key.GetProperty("y").GetString()!),
            },
        });
        Assert.True(ecdsa.VerifyData(
            Encoding.ASCII.GetBytes($"{token[0]}.{token[1]}"), WebEncoders.Base64UrlDecode(token[2]),
            HashAlgorithmName.SHA256));
        Assert.True(keys.Headers.CacheControl!.Public);
    }

    [Fact]
    public async Task Developments_phones_have_their_roles_and_others_have_none()
    {
        var admin = await server.SignInAsync("+12025550199");
        var other = await server.SignInAsync();

        Assert.Equal(["admin", "auditor"], RolesOf(admin.Access));
        Assert.Equal(["admin", "auditor"], RolesOf((await server.RefreshAsync(admin.Refresh)).Text("access_token")));
        Assert.Equal(["admin", "compliance"], RolesOf((await server.SignInAsync("+12025550198")).Access));
        Assert.Empty(RolesOf(other.Access));
        (await server.GetAsync("/v1/admin/projections", admin.Access)).Is(200);
        (await server.GetAsync("/v1/admin/projections", other.Access)).IsProblem(403, "forbidden");
        (await server.GetAsync("/v1/admin/projections")).IsProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task Sockets_are_told_of_a_device_that_is_signed_out()
    {
        var tokens = await server.SignInAsync();
        var told = new TaskCompletionSource<(UserId, DeviceId)>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Tell(UserId user, DeviceId device) => told.TrySetResult((user, device));
        var sessions = server.Services.GetRequiredService<IDeviceSessions>();
        sessions.Revoked += Tell;

        (await server.DeleteAsync($"/v1/devices/{tokens.Device}", tokens.Access)).Is(204);

        Assert.Equal(
            (new UserId(Guid.Parse(tokens.User)), new DeviceId(Guid.Parse(tokens.Device))),
            await told.Task.WaitAsync(TimeSpan.FromSeconds(30)));
        sessions.Revoked -= Tell;
    }

    private static Task AuthenticateAsync(ClientWebSocket socket, string token) => socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(new { op = "authenticate", access_token = token }).AsMemory(),
        WebSocketMessageType.Text, endOfMessage: true, Testing.Eventually.Cancelled()).AsTask();

    /// <summary>Reads until a frame of a kind.</summary>
    private static async Task HearsAsync(ClientWebSocket socket, string op)
    {
        var buffer = new byte[16_384];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), Testing.Eventually.Cancelled());
            Assert.Equal(WebSocketMessageType.Text, received.MessageType);
            var frame = JsonSerializer.Deserialize<JsonElement>(buffer.AsSpan(0, received.Count));
            if (frame.GetProperty("op").GetString() == op)
                return;
        }
    }

    private async Task<ClientWebSocket> ConnectByAddressAsync(string query)
    {
        var socket = new ClientWebSocket();
        var address = new UriBuilder(server.Http.BaseAddress!)
        {
            Scheme = "ws",
            Path = "/v1/ws",
            Query = query,
        };
        await socket.ConnectAsync(address.Uri, Testing.Eventually.Cancelled());
        return socket;
    }

    /// <summary>Reads until the server closes the socket.</summary>
    private static async Task<WebSocketCloseStatus?> CloseAsync(ClientWebSocket socket)
    {
        var buffer = new byte[4_096];
        while ((await socket.ReceiveAsync(buffer, Testing.Eventually.Cancelled())).MessageType
            != WebSocketMessageType.Close)
        {
            // Frames from before.
        }

        return socket.CloseStatus;
    }

    private static string[] RolesOf(string accessToken) =>
        [.. JsonSerializer.Deserialize<JsonElement>(WebEncoders.Base64UrlDecode(accessToken.Split('.')[1]))
            .GetProperty("roles").EnumerateArray().Select(role => role.GetString()!)];

    /// <summary>The same token, from an hour ago, signed with Development's key.</summary>
    private string Expired(Tokens tokens)
    {
        var parts = tokens.Access.Split('.');
        var claims = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(
            WebEncoders.Base64UrlDecode(parts[1]))!;
        foreach (var time in new[] { "exp", "iat", "nbf" })
            claims[time] = JsonSerializer.SerializeToElement(claims[time].GetInt64() - 3_600);
        var content = $"{parts[0]}.{WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        using var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(Path.Combine(server.DataFolder, "token-keys.pem")));
        var signature = key.SignData(Encoding.ASCII.GetBytes(content), HashAlgorithmName.SHA256);
        return $"{content}.{WebEncoders.Base64UrlEncode(signature)}";
    }
}
