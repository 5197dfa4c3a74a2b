using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.RateLimits;

/// <summary>A server that allows a user two open sockets, and four handshakes in the time of a test.</summary>
public sealed class SocketLimitedServer : ChatServer
{
    public const int OpenMax = 2, OpenedMax = 4;

    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        ("RateLimits:SocketsMax", $"{OpenMax}"), ("RateLimits:Sockets:Burst", $"{OpenedMax}"),
        ("RateLimits:Sockets:PerSecond", "0.001"),
    ];
}

public sealed class SocketLimitTests(SocketLimitedServer server) : IClassFixture<SocketLimitedServer>
{
    [Fact]
    public async Task A_user_with_too_many_sockets_opens_another_only_after_closing_one()
    {
        var token = (await server.SignInAsync()).Access;
        using var first = await server.ConnectAsync(token);
        using (var second = await server.ConnectAsync(token))
        {
            await CountedAsync(first);
            await CountedAsync(second);
            (await HandshakeAsync(token)).IsProblem(429, "rate_limited");
            using var others = await server.ConnectAsync((await server.SignInAsync()).Access);
            await second.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Eventually.Cancelled());
        }

        using var third = await OpenedAsync(token);
    }

    [Fact]
    public async Task A_user_who_opens_sockets_too_fast_gets_a_retry_time()
    {
        var token = (await server.SignInAsync()).Access;
        for (var opened = 0; opened < SocketLimitedServer.OpenedMax; opened++)
            (await OpenedAsync(token)).Dispose();

        await Eventually.IsTrue(
            async () => (await HandshakeAsync(token)).IsProblem(429, "rate_limited").Headers.RetryAfter?.Delta
                > TimeSpan.FromMinutes(10),
            "the bucket is empty, and no socket is left open");
    }

    [Fact]
    public async Task Handshakes_with_bad_tokens_or_none_count_to_the_address()
    {
        await using var guessed = new GuessedServer();
        await guessed.InitializeAsync();
        for (var n = 0; n < GuessedServer.GuessesMax; n += 2)
        {
            (await HandshakeAsync($"guess{n}", guessed)).IsProblem(401, "token_invalid");
            (await HandshakeAsync("", guessed)).IsProblem(401, "unauthenticated");
        }

        var limited = (await HandshakeAsync("guess", guessed)).IsProblem(429, "rate_limited");

        Assert.NotNull(limited.Headers.RetryAfter);
        using var socket = await guessed.ConnectAsync((await guessed.SignInAsync()).Access);
    }

    [Fact]
    public async Task Handshakes_count_as_requests_of_their_address()
    {
        await using var busy = new BusyAddressServer();
        await busy.InitializeAsync();
        var token = (await busy.SignInAsync()).Access;

        for (var n = 0; n < BusyAddressServer.RequestsMax; n++)
            await HandshakeAsync("guess", busy);

        (await HandshakeAsync(token, busy)).IsProblem(429, "rate_limited");
        (await busy.GetAsync("/v1/users/me", token)).IsProblem(429, "rate_limited");
    }

    /// <summary>A server that allows an address a few tries of a token.</summary>
    private sealed class GuessedServer : ChatServer
    {
        public const int GuessesMax = 10;

        protected override IEnumerable<(string Name, string Value)> Settings =>
        [
            ("RateLimits:Verifications:Burst", $"{GuessesMax}"), ("RateLimits:Verifications:PerSecond", "0.001"),
        ];
    }

    /// <summary>A server that allows an address a few requests.</summary>
    private sealed class BusyAddressServer : ChatServer
    {
        public const int RequestsMax = 50;

        protected override IEnumerable<(string Name, string Value)> Settings =>
            [("RateLimits:Address:Burst", $"{RequestsMax}"), ("RateLimits:Address:PerSecond", "0.001")];
    }

    /// <summary>Opens a socket and waits for the frame after the welcome: from then on the server counts it.</summary>
    private static async Task CountedAsync(ClientWebSocket socket)
    {
        var buffer = new byte[4096];
        for (var text = ""; !text.Contains("\"synced\"", StringComparison.Ordinal);)
            text = Encoding.UTF8.GetString(
                buffer, 0, (await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled())).Count);
    }

    private async Task<Answer> HandshakeAsync(string token, ChatServer? at = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/ws")
        {
            Headers =
            {
                { "Authorization", $"Bearer {token}" }, { "Connection", "Upgrade" }, { "Upgrade", "websocket" },
                { "Sec-WebSocket-Version", "13" }, { "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==" },
            },
        };
        return await (at ?? server).SendAsync(request);
    }

    /// <summary>A closed socket counts until the server has noticed the close.</summary>
    private async Task<ClientWebSocket> OpenedAsync(string token)
    {
        ClientWebSocket? socket = null;
        await Eventually.IsTrue(async () =>
        {
            try
            {
                socket = await server.ConnectAsync(token);
                return true;
            }
            catch (WebSocketException)
            {
                return false;
            }
        }, "there is room for a socket");
        return socket!;
    }
}
