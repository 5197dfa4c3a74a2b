using System.Buffers.Text;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using static ChatCqrs.WebApi.Tests.Accounts.AccountCalls;

namespace ChatCqrs.WebApi.Tests.Accounts;

/// <summary>A new device shows a QR code, and another one of the same person scans it and signs it in.</summary>
public sealed class DeviceLinkTests(TwoServers nodes) : IClassFixture<TwoServers>
{
    private const string Payload = "aGVsbG8=";

    private readonly ChatServer _server = nodes.One, _other = nodes.Two;

    /// <summary>A server whose links end after a second.</summary>
    private sealed class HastyServer : ChatServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
            [.. base.Settings, ("DeviceLinks:Lifetime", "00:00:01")];
    }

    [Fact]
    public async Task A_link_signs_a_new_device_in()
    {
        var ann = await _server.SignInAsync(name: "Ann");
        var link = await StartAsync(_server);
        Assert.InRange(
            link.ExpiresAt - DateTimeOffset.UtcNow, TimeSpan.FromMinutes(4.9), TimeSpan.FromMinutes(5));

        var shown = (await _server.GetAsync($"{link.Path}/request", ann.Access)).Is(200);
        Assert.Equal(
            """{"name":"Browser","platform":"web","ephemeral":true}""", shown["device"].GetRawText());
        Assert.Equal(("127.0.0.1", "bXkga2V5"), (shown.Text("address"), shown.Text("public_key")));
        Assert.InRange(
            DateTimeOffset.UtcNow - shown["requested_at"].GetDateTimeOffset(), TimeSpan.Zero, TimeSpan.FromMinutes(1));

        var approved = (await ApproveAsync(_server, link, ann, Payload)).Is(204);
        Assert.True(approved.Headers.Contains("Chat-Position"));

        var answer = (await WaitAsync(_server, link)).Is(200);
        Assert.Equal(
            [
                "status", "proof", "payload", "user_id", "device_id", "access_token", "refresh_token", "expires_in",
            ],
            answer.Body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(("approved", link.Proof, Payload), (
            answer.Text("status"), answer.Text("proof"), answer.Text("payload")));
        var browser = Tokens.Of(answer);
        Assert.Equal(ann.User, browser.User);
        var devices = (await _server.GetAsync("/v1/devices", browser.Access)).Is(200)["devices"].EnumerateArray();
        Assert.Equal(
            [(ann.Device, false, false), (browser.Device, true, true)],
            devices.Select(device => (
                device.GetProperty("device_id").GetString()!, device.GetProperty("ephemeral").GetBoolean(),
                device.GetProperty("current").GetBoolean())));
        (await _server.RefreshAsync(browser.Refresh)).Is(200);
    }

    [Fact]
    public async Task The_tokens_are_the_same_until_one_of_them_was_used()
    {
        var ann = await _server.SignInAsync();
        var link = await ApprovedAsync(ann);

        var first = (await WaitAsync(_server, link)).Is(200);
        var again = (await WaitAsync(_server, link)).Is(200);
        Assert.Equal(first.Body.GetRawText(), again.Body.GetRawText());

        (await _server.GetAsync("/v1/users/me", first.Text("access_token"))).Is(200);
        Assert.Equal(
            ["status", "proof"],
            (await WaitAsync(_server, link)).Is(200).Body.EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public async Task A_device_that_waits_is_woken_on_whichever_node_it_is_and_holds_no_connection()
    {
        var ann = await _server.SignInAsync();
        var (approved, refused) = (await StartAsync(_server), await StartAsync(_other));
        var waiting = Enumerable.Range(0, 20).Select(_ => WaitAsync(_other, approved)).ToArray();
        var refusal = WaitAsync(_server, refused);
        await Testing.Eventually.IsTrue(() => Waits(_other) == 1 && Waits(_server) == 1, "they wait");
        await using (var busy = _server.Database.CreateCommand(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '%device_links%' AND state <> 'idle'
              AND pid <> pg_backend_pid()
            """))
            await Testing.Eventually.IsTrue(
                async () => await busy.ExecuteScalarAsync() is 0L, "no connection is held for them");

        (await ApproveAsync(_server, approved, ann)).Is(204);
        (await _server.PostAsync($"{refused.Path}/approval", new { refuse = true }, ann.Access)).Is(204);

        var answers = await Task.WhenAll(waiting);
        Assert.Single(answers.Select(answer => answer.Is(200).Text("refresh_token")).Distinct());
        Assert.Equal("""{"status":"refused"}""", (await refusal).Is(200).Body.GetRawText());
        await Testing.Eventually.IsTrue(() => Waits(_other) + Waits(_server) == 0, "nobody waits any more");
    }

    [Fact]
    public async Task Of_approvals_at_the_same_time_exactly_one_wins()
    {
        for (var round = 0; round < 3; round++)
        {
            var (ann, ben) = (await _server.SignInAsync(), await _server.SignInAsync());
            var link = await StartAsync(_server);

            var answers = await Task.WhenAll(
                from node in new[] { _server, _other }
                from who in new[] { ann, ben, ann }
                select ApproveAsync(node, link, who));

            Assert.Single(answers, answer => answer.Status == 204);
            Assert.All(
                answers.Where(answer => answer.Status != 204), answer => answer.IsProblem(409, "link_settled"));
            var linked = Tokens.Of((await WaitAsync(_server, link)).Is(200));
            foreach (var who in new[] { ann, ben })
            {
                var devices = (await _server.GetAsync("/v1/devices", who.Access)).Is(200)["devices"].GetArrayLength();
                Assert.Equal(who.User == linked.User ? 2 : 1, devices);
            }
        }

    }

    [Fact]
    public async Task A_link_is_settled_once()
    {
        var ann = await _server.SignInAsync();
        var (approved, refused) = (await ApprovedAsync(ann), await StartAsync(_server));
        (await _server.PostAsync($"{refused.Path}/approval", new { refuse = true }, ann.Access)).Is(204);

        foreach (var link in new[] { approved, refused })
        {
            (await ApproveAsync(_server, link, ann)).IsProblem(409, "link_settled");
            (await _server.PostAsync($"{link.Path}/approval", new { refuse = true }, ann.Access))
                .IsProblem(409, "link_settled");
            (await _server.GetAsync($"{link.Path}/request", ann.Access)).IsProblem(409, "link_settled");
        }

        Assert.Single((await _server.GetAsync("/v1/devices", ann.Access)).Is(200)["devices"].EnumerateArray().Skip(1));
    }

    [Fact]
    public async Task A_link_that_nobody_approves_expires_and_who_waits_is_told()
    {
        var hasty = new HastyServer();
        await hasty.InitializeAsync();
        var ann = await hasty.SignInAsync();
        var link = await StartAsync(hasty);

        Assert.Equal("""{"status":"expired"}""", (await WaitAsync(hasty, link)).Is(200).Body.GetRawText());

        (await ApproveAsync(hasty, link, ann)).IsProblem(409, "link_settled");
        (await hasty.PostAsync($"{link.Path}/approval", new { refuse = true }, ann.Access))
            .IsProblem(409, "link_settled");
        (await hasty.GetAsync($"{link.Path}/request", ann.Access)).IsProblem(409, "link_settled");
        await hasty.DisposeAsync();
    }

    [Fact]
    public async Task Only_the_secret_opens_a_link()
    {
        var link = await StartAsync(_server);
        var wrong = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

        foreach (var header in new[] { $"Link {wrong}", $"Bearer {link.Secret}", "Link", "Link rubbish", null })
        {
            var refused = (await WaitAsync(_server, link, header)).IsProblem(401, "link_secret_wrong");
            Assert.Equal("Link", refused.Headers.WwwAuthenticate.ToString());
        }

        (await WaitAsync(_server, link with { Id = Guid.NewGuid().ToString() })).IsProblem(404, "link_unknown");
        (await WaitAsync(_server, link with { Id = "none" })).IsProblem(404, "link_unknown");
    }

    [Fact]
    public async Task Requests_and_approvals_need_a_device_that_is_signed_in_and_a_link()
    {
        var ann = await _server.SignInAsync();
        var link = await StartAsync(_server);
        var none = link with { Id = Guid.NewGuid().ToString() };

        (await _server.GetAsync($"{link.Path}/request")).IsProblem(401, "unauthenticated");
        (await _server.PostAsync($"{link.Path}/approval", new { refuse = true })).IsProblem(401, "unauthenticated");
        (await _server.GetAsync($"{none.Path}/request", ann.Access)).IsProblem(404, "link_unknown");
        (await _server.GetAsync("/v1/device-links/none/request", ann.Access)).IsProblem(404, "link_unknown");
        (await ApproveAsync(_server, none, ann)).IsProblem(404, "link_unknown");
        (await _server.PostAsync($"{none.Path}/approval", new { refuse = true }, ann.Access))
            .IsProblem(404, "link_unknown");
    }

    [Fact]
    public async Task What_does_not_fit_is_named()
    {
        var ann = await _server.SignInAsync();
        var link = await StartAsync(_server);
        var path = $"{link.Path}/approval";
        foreach (var proof in
            new[] { null, "", "rubbish", Base64(31), Base64(33), link.Proof[..^1], link.Proof + "\n" })
            (await _server.PostAsync(path, new { proof }, ann.Access)).IsInvalid("proof");
        foreach (var payload in new[] { "", "rubbish!", "aGVsbG8", "aGVs bG8=", Base64(49_153) })
            (await _server.PostAsync(path, new { proof = link.Proof, payload }, ann.Access)).IsInvalid("payload");
        (await _server.PostAsync("/v1/device-links", new { })).IsInvalid("device");
        (await _server.PostAsync("/v1/device-links", new { device = new { name = "Browser" } }))
            .IsInvalid("device.platform");
        foreach (var key in new[] { "", "a b", new string('A', 1_025) })
            (await _server.PostAsync("/v1/device-links", new { device = ADevice(), public_key = key }))
                .IsInvalid("public_key");

        var most = Base64(49_152);
        (await ApproveAsync(_server, link, ann, most)).Is(204);

        Assert.Equal(65_536, most.Length);
        Assert.Equal(most, (await WaitAsync(_server, link)).Is(200).Text("payload"));
    }

    [Fact]
    public async Task A_linked_device_that_is_removed_ends_at_once_on_every_node()
    {
        var ann = await _server.SignInAsync();
        var link = await ApprovedAsync(ann);
        var browser = Tokens.Of((await WaitAsync(_server, link)).Is(200));
        using var socket = await _other.ConnectAsync(browser.Access);

        (await _server.DeleteAsync($"/v1/devices/{browser.Device}", ann.Access)).Is(204);

        var buffer = new byte[4_096];
        while ((await socket.ReceiveAsync(buffer, Testing.Eventually.Cancelled())).MessageType
            != WebSocketMessageType.Close)
        {
            // Frames from before.
        }

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, socket.CloseStatus);
        (await _other.GetAsync("/v1/users/me", browser.Access)).IsProblem(401, "device_signed_out");
        (await _server.RefreshAsync(browser.Refresh)).IsProblem(401, "refresh_token_invalid");
    }

    [Fact]
    public async Task A_device_that_is_removed_before_it_fetched_its_tokens_gets_none()
    {
        var ann = await _server.SignInAsync();
        var link = await ApprovedAsync(ann);
        var devices = (await _server.GetAsync("/v1/devices", ann.Access)).Is(200)["devices"];

        (await _server.DeleteAsync($"/v1/devices/{devices[1].GetProperty("device_id")}", ann.Access)).Is(204);

        Assert.False((await WaitAsync(_server, link)).Is(200).Has("access_token"));
    }

    [Fact]
    public async Task An_approval_that_failed_half_way_is_completed_by_the_same_device_alone()
    {
        var (ann, ben) = (await _server.SignInAsync(), await _server.SignInAsync());
        var link = await StartAsync(_server);
        await ClaimAsync(link, ann);

        (await ApproveAsync(_server, link, ben)).IsProblem(409, "link_settled");
        (await _server.PostAsync($"{link.Path}/approval", new { proof = Base64(32) }, ann.Access))
            .IsProblem(409, "link_settled");
        (await ApproveAsync(_server, link, ann)).Is(204);

        Assert.Equal(ann.User, (await WaitAsync(_server, link)).Is(200).Text("user_id"));
    }

    [Fact]
    public async Task An_approval_that_was_begun_in_time_is_pending_until_it_is_completed()
    {
        var ann = await _server.SignInAsync();
        var link = await StartAsync(_server);
        await ClaimAsync(link, ann);
        await ExpireAsync(link, "1 second");
        var waiting = WaitAsync(_server, link);

        (await ApproveAsync(_server, link, ann)).IsProblem(409, "link_settled"); // Too late to be repeated.
        await ExpireAsync(link, "-1 minute");
        (await ApproveAsync(_server, link, ann)).Is(204);

        Assert.Equal("approved", (await waiting).Is(200).Text("status"));
    }

    [Fact]
    public async Task A_device_that_is_removed_while_it_approves_links_nobody()
    {
        var ann = await _server.SignInAsync();
        var link = await StartAsync(_server);
        var claimed = await ClaimAsync(link, ann);
        await _server.Services.GetRequiredService<IDeviceSessions>()
            .RevokeAsync(new UserId(Guid.Parse(ann.User)), new DeviceId(Guid.Parse(ann.Device)), default);
        var signIn = new LinkSignIn(
            new UserId(Guid.Parse(ann.User)), claimed.Device, new byte[16], DateTimeOffset.UtcNow,
            DateTimeOffset.UtcNow.AddDays(1));

        Assert.False(await _server.Services.GetRequiredService<IDeviceLinks>().CompleteAsync(
            Guid.Parse(link.Id), signIn, claimed.Content, DateTimeOffset.UtcNow.AddMinutes(1), default));
    }

    [Fact]
    public async Task A_device_whose_approval_failed_half_way_goes_with_its_link()
    {
        var ann = await _server.SignInAsync();
        var link = await ApprovedAsync(ann);
        await using (var command = _server.Database.CreateCommand(
            """
            WITH link AS (
                UPDATE chat.device_links SET settled_at = NULL, answer = NULL, refresh_hash = NULL WHERE id = $1
                RETURNING device_id)
            DELETE FROM chat.device_sessions s USING link WHERE s.device_id = link.device_id
            """))
        {
            // As it is when the device is in the account and the rest of the approval failed.
            command.Parameters.Add(new() { Value = Guid.Parse(link.Id) });
            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }

        Assert.Equal(2, (await _server.GetAsync("/v1/devices", ann.Access)).Is(200)["devices"].GetArrayLength());
        await ExpireAsync(link, "11 minutes");

        await _server.Services.GetRequiredService<IMediator>().Send(new ForgetDeviceLinks.Command());

        Assert.Equal(1, (await _server.GetAsync("/v1/devices", ann.Access)).Is(200)["devices"].GetArrayLength());
        (await WaitAsync(_server, link)).IsProblem(404, "link_unknown");
    }

    [Fact]
    public async Task No_row_shows_a_secret_a_token_or_what_the_device_says_of_itself()
    {
        var link = await ApprovedAsync(await _server.SignInAsync());
        var answer = (await WaitAsync(_server, link)).Is(200);

        await using var command = _server.Database.CreateCommand(
            "SELECT l::text FROM chat.device_links l WHERE id = $1");
        command.Parameters.Add(new() { Value = Guid.Parse(link.Id) });
        var row = (string)(await command.ExecuteScalarAsync())!;

        string[] texts =
        [
            "Browser", "127.0.0.1", "bXkga2V5", link.Secret, answer.Text("access_token"), answer.Text("refresh_token"),
        ];
        Assert.All(texts, text => Assert.DoesNotContain(text, row, StringComparison.Ordinal));
        Assert.All(texts, text => Assert.DoesNotContain(
            Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text)), row, StringComparison.Ordinal));
        Assert.DoesNotContain(
            Convert.ToHexStringLower(Base64Url.DecodeFromChars(link.Secret)), row, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_that_ended_are_deleted_and_others_kept()
    {
        var ann = await _server.SignInAsync();
        var (old, young) = (await ApprovedAsync(ann), await ApprovedAsync(ann));
        await ExpireAsync(old, "10 minutes");

        await _server.Services.GetRequiredService<IMediator>().Send(new ForgetDeviceLinks.Command());

        (await WaitAsync(_server, old)).IsProblem(404, "link_unknown");
        (await WaitAsync(_server, young)).Is(200);
    }

    [Fact]
    public async Task Links_go_with_their_user()
    {
        var ann = await _server.SignInAsync();
        var link = await ApprovedAsync(ann);

        (await _server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        (await WaitAsync(_server, link)).IsProblem(404, "link_unknown");
    }

    [Fact]
    public async Task HEAD_does_not_wait_and_a_node_that_stops_lets_nobody_wait()
    {
        var leaving = new ChatServer { Beside = _server };
        await leaving.InitializeAsync();
        var link = await StartAsync(_server);

        (await WaitAsync(_server, link, method: HttpMethod.Head)).Is(200);
        var waiting = WaitAsync(leaving, link);
        await Testing.Eventually.IsTrue(() => Waits(leaving) == 1, "it waits");
        await leaving.StopAsync();

        Assert.Equal("""{"status":"pending"}""", (await waiting).Is(200).Body.GetRawText());
        await leaving.DisposeAsync();
    }

    private static int Waits(ChatServer node) => node.Services.GetRequiredService<LinkWaits>().Count;

    private static string Base64(int bytes) => Convert.ToBase64String(RandomNumberGenerator.GetBytes(bytes));

    internal static async Task<Link> StartAsync(ChatServer server)
    {
        var device = new { name = "Browser", platform = "web", ephemeral = true };
        var started = (await server.PostAsync("/v1/device-links", new { device, public_key = "bXkga2V5" })).Is(201);
        Assert.Equal(
            ["link_id", "secret", "expires_at"], started.Body.EnumerateObject().Select(member => member.Name));
        return new Link(
            started.Text("link_id"), started.Text("secret"), started["expires_at"].GetDateTimeOffset(),
            RandomNumberGenerator.GetBytes(32));
    }

    private static Task<Answer> ApproveAsync(ChatServer node, Link link, Tokens by, string? payload = null) =>
        node.PostAsync($"{link.Path}/approval", new { proof = link.Proof, payload }, by.Access);

    internal static Task<Answer> WaitAsync(ChatServer node, Link link, HttpMethod? method = null) =>
        WaitAsync(node, link, $"Link {link.Secret}", method);

    private static async Task<Answer> WaitAsync(
        ChatServer node, Link link, string? authorization, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, link.Path);
        if (authorization is not null)
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        return await node.SendAsync(request);
    }

    private async Task<ClaimedDeviceLink> ClaimAsync(Link link, Tokens by)
    {
        var claimed = await _server.Services.GetRequiredService<IDeviceLinks>().ClaimAsync(
            Guid.Parse(link.Id),
            new LinkApproval(
                new UserId(Guid.Parse(by.User)), new DeviceId(Guid.Parse(by.Device)),
                Convert.FromBase64String(link.Proof), null),
            DateTimeOffset.UtcNow, default);
        return Assert.IsType<ClaimedDeviceLink>(claimed);
    }

    /// <param name="ago">How long ago, in PostgreSQL's words.</param>
    private async Task ExpireAsync(Link link, string ago)
    {
        await using var command = _server.Database.CreateCommand(
            $"UPDATE chat.device_links SET expires_at = now() - interval '{ago}' WHERE id = $1");
        command.Parameters.Add(new() { Value = Guid.Parse(link.Id) });
        await command.ExecuteNonQueryAsync();
    }

    private async Task<Link> ApprovedAsync(Tokens by)
    {
        var link = await StartAsync(_server);
        (await ApproveAsync(_server, link, by)).Is(204);
        return link;
    }

    /// <summary>A link as its device knows it.</summary>
    /// <param name="Code">What the device shows in its QR code only.</param>
    internal sealed record Link(string Id, string Secret, DateTimeOffset ExpiresAt, byte[] Code)
    {
        public string Path => $"/v1/device-links/{Id}";

        public string Proof => Convert.ToBase64String(SHA256.HashData([.. Encoding.ASCII.GetBytes(Id), .. Code]));
    }
}
