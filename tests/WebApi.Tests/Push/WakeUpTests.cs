using System.Buffers.Text;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Push;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Push;

/// <summary>Users without a socket get one wake-up for messages that come together, without content.</summary>
public sealed class WakeUpTests(WakingServer server) : IClassFixture<WakingServer>
{
    [Fact]
    public async Task A_user_without_a_socket_is_woken_without_content()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, _) = await server.SubscribeAsync(ben, browser);

        var conversation = (await server.SayAsync(ann, ben, "between us")).Text("conversation_id");

        var pushed = await server.Push.NextAsync(path);
        var payload = JsonSerializer.Deserialize<JsonElement>(browser.Read(pushed.Body));
        Assert.Equal(["unread", "conversation_id"], payload.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            (1, conversation),
            (payload.GetProperty("unread").GetInt64(), payload.GetProperty("conversation_id").GetString()));
        Assert.Equal("aes128gcm", pushed.Headers["Content-Encoding"]);
        Assert.Equal("86400", pushed.Headers["TTL"]);
        await IsOursAsync(pushed.Headers["Authorization"]);
    }

    [Fact]
    public async Task Messages_that_come_together_are_one_wake_up()
    {
        var (ann, cid, ben) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, _) = await server.SubscribeAsync(ben, browser);

        await Task.WhenAll(
            Enumerable.Range(0, 10).Select(i => server.SayAsync(i % 2 == 0 ? ann : cid, ben, $"message {i}")));

        var pushed = await server.Push.NextAsync(path);
        Assert.Equal(
            10, JsonSerializer.Deserialize<JsonElement>(browser.Read(pushed.Body)).GetProperty("unread").GetInt64());

        // The next message is a wake-up of its own, the second one.
        await server.SayAsync(ann, ben, "one more");
        var second = await server.Push.NextAsync(path, 1);
        Assert.Equal(
            11, JsonSerializer.Deserialize<JsonElement>(browser.Read(second.Body)).GetProperty("unread").GetInt64());
        Assert.Equal(2, server.Push.To(path).Count);
    }

    [Fact]
    public async Task Users_with_a_socket_or_a_receipt_and_the_sender_are_not_woken()
    {
        var (ann, here) = (await server.SignInAsync(), await server.SignInAsync());
        var (had, away) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var paths = new List<string>();
        foreach (var who in new[] { ann, here, had })
            paths.Add((await server.SubscribeAsync(who, browser)).Path);
        var (path, _) = await server.SubscribeAsync(away, browser);
        using var socket = new ClientWebSocket();
        var address = new UriBuilder(server.Http.BaseAddress!)
        {
            Scheme = "ws",
            Path = "/v1/ws",
            Query = $"access_token={here.Access}",
        };
        await socket.ConnectAsync(address.Uri, CancellationToken.None);

        await server.SayAsync(ann, here);
        var conversation = (await server.SayAsync(ann, had)).Text("conversation_id");
        (await server.PostAsync($"/v1/conversations/{conversation}/receipts", new { delivered_seq = 1 }, had.Access))
            .Is(204);
        await server.SayAsync(ann, away);

        await server.Push.NextAsync(path); // The last wake-up to be scheduled.
        Assert.All(paths, other => Assert.Empty(server.Push.To(other)));
        socket.Abort();
    }

    [Fact]
    public async Task A_user_whose_socket_closed_before_delivery_is_woken()
    {
        var (ann, ben, cid) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, _) = await server.SubscribeAsync(ben, browser);
        var (witness, _) = await server.SubscribeAsync(cid, browser);
        using var socket = await server.ConnectAsync(ben.Access);
        await server.SayAsync(ann, ben);
        await server.SayAsync(ann, cid);
        await server.Push.NextAsync(witness); // Both wake-ups were checked while Ben had a socket.
        Assert.Empty(server.Push.To(path));

        socket.Abort();

        await server.Push.NextAsync(path);
    }

    [Fact]
    public async Task A_user_who_had_a_socket_between_attempts_without_delivery_is_woken()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, subscription) = await server.SubscribeAsync(ben, browser);
        ClientWebSocket? socket = null;
        var before = server.Push.Answer;
        server.Push.Answer = async (pushed, response) =>
        {
            await before(pushed, response);
            if (pushed.Path != path || socket is not null)
                return;
            socket = await server.ConnectAsync(ben.Access);
            response.StatusCode = 503;
        };
        await server.SayAsync(ann, ben);
        await Eventually.IsTrue(() => HasAttemptedAsync(subscription, 2), "the second attempt has found the socket");
        Assert.Single(server.Push.To(path));

        socket!.Abort();

        await server.Push.NextAsync(path, 1);
    }

    [Fact]
    public async Task A_message_dated_earlier_by_another_nodes_clock_joins_the_waiting_wake_up()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, _) = await server.SubscribeAsync(ben, browser);
        var user = new UserId(Guid.Parse(ben.User));
        var ahead = DateTimeOffset.UtcNow.AddMinutes(1);
        await using (var pend = server.Database.CreateCommand(
            "INSERT INTO chat.push_pending (user_id, due, since) VALUES ($1, $2, $2)"))
        {
            pend.Parameters.Add(new() { Value = user.Value });
            pend.Parameters.Add(new() { Value = ahead.UtcDateTime });
            await pend.ExecuteNonQueryAsync();
        }

        await server.SayAsync(ann, ben);
        await Eventually.IsTrue(
            async () =>
            {
                await using var look = server.Database.CreateCommand(
                    "SELECT since < $2 FROM chat.push_pending WHERE user_id = $1");
                look.Parameters.Add(new() { Value = user.Value });
                look.Parameters.Add(new() { Value = ahead.UtcDateTime });
                return await look.ExecuteScalarAsync() is true;
            },
            "the message is part of what waits");
        var mediator = server.Services.GetRequiredService<IMediator>();
        var woken = await mediator.Send(new WakeUser.Command(user, Guid.CreateVersion7(), ahead, 0));

        Assert.Equal(1, woken.Subscriptions);
        Assert.True(woken.Since < ahead);
        await server.Push.NextAsync(path);
    }

    [Fact]
    public async Task A_service_that_sends_us_elsewhere_is_not_followed()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, subscription) = await server.SubscribeAsync(ben, browser);
        var (witness, _) = await server.SubscribeAsync(ben, browser);
        var elsewhere = "/" + Guid.NewGuid().ToString("n");
        AnswerTo(path, (_, response) => response.Redirect(new Uri(server.Push.Address, elsewhere).AbsoluteUri));

        await server.SayAsync(ann, ben);
        await server.Push.NextAsync(witness);
        await server.Push.NextAsync(path);
        await server.SayAsync(ann, ben);
        await server.Push.NextAsync(witness, 1);
        await server.Push.NextAsync(path, 1);

        Assert.Empty(server.Push.To(elsewhere));
        Assert.Equal(2, server.Push.To(path).Count); // One attempt a wake-up: a permanent failure is not retried.
        Assert.Contains(subscription, await server.SubscriptionsAsync(ben));
    }

    [Fact]
    public async Task Muted_conversations_and_blocked_users_wake_nobody()
    {
        var (ann, cid, ben) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var muted = (await server.SayAsync(ann, ben)).Text("conversation_id");
        var settings = new { muted_until = DateTimeOffset.UtcNow.AddHours(1) };
        (await server.PatchAsync($"/v1/conversations/{muted}/settings", settings, ben.Access)).Is(200);
        var (path, _) = await server.SubscribeAsync(ben, browser);

        // A muted conversation, a sender blocked before the wake-up, and then a sender who may wake.
        await server.SayAsync(ann, ben, "in a low voice");
        var eve = await server.SignInAsync();
        await server.SayAsync(eve, ben, "buy now");
        (await server.SendAsync(HttpMethod.Put, $"/v1/blocks/{eve.User}", null, ben.Access)).Is(204);
        var heard = (await server.SayAsync(cid, ben)).Text("conversation_id");

        var pushed = await server.Push.NextAsync(path);
        var payload = JsonSerializer.Deserialize<JsonElement>(browser.Read(pushed.Body));
        Assert.Equal(heard, payload.GetProperty("conversation_id").GetString());

        // A waiting unread message is no reason to wake for a muted conversation.
        var dee = await server.SignInAsync();
        var (witness, _) = await server.SubscribeAsync(dee, browser);
        await server.SayAsync(ann, ben, "in a low voice again");
        await server.SayAsync(ann, dee);
        await server.Push.NextAsync(witness);
        Assert.Single(server.Push.To(path));
    }

    [Fact]
    public async Task Archived_conversations_wake_nobody_until_they_leave_the_archive()
    {
        var (ann, cid, ben) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var archived = (await server.SayAsync(ann, ben)).Text("conversation_id");
        var settings = $"/v1/conversations/{archived}/settings";
        (await server.PatchAsync(settings, new { archived = true }, ben.Access)).Is(200);
        var (path, _) = await server.SubscribeAsync(ben, browser);

        // One wake-up for both, which names the conversation that may wake.
        await Task.WhenAll(server.SayAsync(ann, ben, "into the archive"), server.SayAsync(cid, ben));
        var heard = JsonSerializer.Deserialize<JsonElement>(browser.Read((await server.Push.NextAsync(path)).Body));
        Assert.NotEqual(archived, heard.GetProperty("conversation_id").GetString());

        var (witness, _) = await server.SubscribeAsync(cid, browser);
        await server.SayAsync(ann, ben, "into the archive again");
        await server.SayAsync(ann, cid);
        await server.Push.NextAsync(witness);
        Assert.Single(server.Push.To(path));

        (await server.PatchAsync(settings, new { archived = false }, ben.Access)).Is(200);
        await server.SayAsync(ann, ben, "out of the archive");
        var woken = JsonSerializer.Deserialize<JsonElement>(
            browser.Read((await server.Push.NextAsync(path, 1)).Body));
        Assert.Equal(archived, woken.GetProperty("conversation_id").GetString());
    }

    [Fact]
    public async Task In_a_group_a_blocked_member_wakes_nobody_and_hides_nobody()
    {
        var (ann, eve, ben) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, _) = await server.SubscribeAsync(ben, browser);
        var (witness, _) = await server.SubscribeAsync(ann, browser);
        (await server.SendAsync(HttpMethod.Put, $"/v1/blocks/{eve.User}", null, ben.Access)).Is(204);
        var group = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "all", member_ids = new[] { eve.User, ben.User } },
            ann.Access)).Is(201)
            .Text("conversation_id");
        async Task SayAsync(Tokens who) => (await server.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), conversation_id = group, type = "text", text = "hello" },
            who.Access)).Is(201);

        await SayAsync(eve);
        await server.Push.NextAsync(witness); // Her message wakes Ann.
        Assert.Empty(server.Push.To(path));

        await SayAsync(ann);
        await SayAsync(eve);
        await server.Push.NextAsync(path);
        await server.Push.NextAsync(witness, 1);
        Assert.Single(server.Push.To(path));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(410)]
    public async Task An_address_that_is_gone_is_forgotten(int status)
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (gone, subscription) = await server.SubscribeAsync(ben, browser);
        var (kept, other) = await server.SubscribeAsync(ben, browser);
        AnswerTo(gone, (_, response) => response.StatusCode = status);
        Assert.Equal([subscription, other], await server.SubscriptionsAsync(ben));

        await server.SayAsync(ann, ben);

        await server.Push.NextAsync(kept);
        await Eventually.IsTrue(
            async () => (await server.SubscriptionsAsync(ben)).SequenceEqual([other]), "the address is forgotten");
        Assert.Single(server.Push.To(gone));
    }

    [Fact]
    public async Task A_service_that_wants_patience_gets_it()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, subscription) = await server.SubscribeAsync(ben, browser);
        AnswerTo(path, (count, response) =>
        {
            response.StatusCode = count == 0 ? 429 : 201;
            response.Headers.RetryAfter = "3";
        });

        await server.SayAsync(ann, ben);

        var (first, second) = (await server.Push.NextAsync(path), await server.Push.NextAsync(path, 1));
        Assert.True(second.At - first.At >= TimeSpan.FromSeconds(3), $"It waited {second.At - first.At}.");
        Assert.Equal([subscription], await server.SubscriptionsAsync(ben));
    }

    [Fact]
    public async Task A_service_that_fails_is_asked_again_but_not_for_ever()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        using var browser = new Browser();
        var (path, _) = await server.SubscribeAsync(ben, browser);
        var (witness, _) = await server.SubscribeAsync(ben, browser);
        AnswerTo(path, (_, response) => response.StatusCode = 503);

        await server.SayAsync(ann, ben);
        await server.Push.NextAsync(path, WakingServer.AttemptsMax - 1);
        await server.Push.NextAsync(witness);

        // The next wake-up starts its attempts anew: further attempts of the first one would come before it.
        await server.SayAsync(ann, ben);
        await server.Push.NextAsync(witness, 1);
        await server.Push.NextAsync(path, (2 * WakingServer.AttemptsMax) - 1);
        await server.SayAsync(ann, ben);
        await server.Push.NextAsync(witness, 2);
        Assert.InRange(server.Push.To(path).Count, 2 * WakingServer.AttemptsMax, (2 * WakingServer.AttemptsMax) + 1);
    }

    [Fact]
    public async Task A_device_that_was_removed_is_not_woken()
    {
        var ann = await server.SignInAsync();
        using var browser = new Browser();
        var phone = AccountCalls.NewPhone();
        var (first, second) = (await server.SignInAsync(phone), await server.SignInAsync(phone, device: "tablet"));
        var (lost, _) = await server.SubscribeAsync(first, browser);
        var (kept, subscription) = await server.SubscribeAsync(second, browser);

        (await server.DeleteAsync($"/v1/devices/{first.Device}", second.Access)).Is(204);
        await server.SayAsync(ann, second);

        await server.Push.NextAsync(kept);
        Assert.Empty(server.Push.To(lost));
        Assert.Equal([subscription], await server.SubscriptionsAsync(second));
    }

    /// <summary>Asserts a token for the push service's origin, signed with the VAPID key (RFC 8292).</summary>
    private async Task IsOursAsync(string authorization)
    {
        var key = (await server.GetAsync("/v1/push/vapid-public-key", (await server.SignInAsync()).Access)).Is(200)
            .Text("public_key");
        Assert.StartsWith("vapid t=", authorization, StringComparison.Ordinal);
        Assert.EndsWith($", k={key}", authorization, StringComparison.Ordinal);
        var parts = authorization["vapid t=".Length..authorization.IndexOf(',', StringComparison.Ordinal)].Split('.');
        var point = Base64Url.DecodeFromChars(key);
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = point[1..33], Y = point[33..] },
        });
        Assert.True(ecdsa.VerifyData(
            Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]),
            HashAlgorithmName.SHA256));
        var claims = JsonSerializer.Deserialize<JsonElement>(Base64Url.DecodeFromChars(parts[1]));
        Assert.Equal(server.Push.Address.GetLeftPart(UriPartial.Authority), claims.GetProperty("aud").GetString());
        Assert.InRange(
            claims.GetProperty("exp").GetInt64(), DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            DateTimeOffset.UtcNow.AddHours(24).ToUnixTimeSeconds());
        Assert.StartsWith("mailto:", claims.GetProperty("sub").GetString(), StringComparison.Ordinal);
    }

    private async Task<bool> HasAttemptedAsync(string subscription, int attempt)
    {
        await using var command = server.Database.CreateCommand(
            "SELECT attempt >= $2 AND settled FROM chat.push_subscriptions WHERE id = $1");
        command.Parameters.Add(new() { Value = Guid.Parse(subscription) });
        command.Parameters.Add(new() { Value = attempt });
        return await command.ExecuteScalarAsync() is true;
    }

    /// <param name="answer">Gets the number of earlier requests.</param>
    private void AnswerTo(string path, Action<int, HttpResponse> answer)
    {
        var before = server.Push.Answer;
        server.Push.Answer = (pushed, response) =>
        {
            if (pushed.Path != path)
                return before(pushed, response);
            answer(server.Push.To(path).Count - 1, response);
            return Task.CompletedTask;
        };
    }
}
