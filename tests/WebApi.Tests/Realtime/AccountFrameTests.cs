using System.Text.Json;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Realtime;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Media;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>
/// Sockets hear what changed outside of conversations' streams, at the node that wrote it and at another one, without
/// Redis between them.
/// </summary>
public sealed class AccountFrameTests(TwoServers nodes) : IClassFixture<TwoServers>
{
    private readonly ChatServer _one = nodes.One, _two = nodes.Two;

    [Fact]
    public async Task Settings_are_told_whole_to_all_of_ones_devices_and_to_nobody_else()
    {
        var (ann, other, ben) = await DevicesAsync();
        using var acting = await JsonSocket.SyncedAsync(_one, ann.Access);
        using var away = await JsonSocket.SyncedAsync(_two, other.Access);
        using var bens = await JsonSocket.SyncedAsync(_two, ben.Access);
        var conversation = await StartAsync(ann, ben);
        await EachAsync([acting, away, bens], socket => socket.NextAsync("update"));

        await ChangeAsync(new { pinned = true });
        await IsTwiceAsync(null, pinned: true, archived: false);
        await ChangeAsync(new { muted_until = "2030-01-02T03:04:05.678Z", archived = true });
        await IsTwiceAsync("2030-01-02T03:04:05.678Z", pinned: true, archived: true);
        await ChangeAsync(new { muted_until = (string?)null, pinned = false, archived = false });
        await IsTwiceAsync(null, pinned: false, archived: false);
        await NothingAsync(bens);

        async Task ChangeAsync(object settings) =>
            (await _one.PatchAsync($"/v1/conversations/{conversation}/settings", settings, ann.Access)).Is(200);

        Task IsTwiceAsync(string? mutedUntil, bool pinned, bool archived) => IsAsync(
            [acting, away],
            new
            {
                op = "account",
                kind = "settings_changed",
                conversation_id = conversation,
                muted_until = mutedUntil,
                pinned,
                archived,
            });
    }

    [Fact]
    public async Task Blocks_are_told_to_ones_own_devices_only()
    {
        var (ann, other, ben) = await DevicesAsync();
        using var acting = await JsonSocket.SyncedAsync(_one, ann.Access);
        using var away = await JsonSocket.SyncedAsync(_two, other.Access);
        using var bens = await JsonSocket.SyncedAsync(_one, ben.Access);

        (await _one.SendAsync(HttpMethod.Put, $"/v1/blocks/{ben.User}", null, ann.Access)).Is(204);
        await IsAsync(
            [acting, away], new { op = "account", kind = "block_changed", user_id = ben.User, blocked = true });
        (await _two.DeleteAsync($"/v1/blocks/{ben.User}", other.Access)).Is(204);
        await IsAsync(
            [acting, away], new { op = "account", kind = "block_changed", user_id = ben.User, blocked = false });
        await NothingAsync(bens);
    }

    [Fact]
    public async Task Devices_are_told_as_they_are_listed()
    {
        var phone = AccountCalls.NewPhone();
        var ann = await _one.SignInAsync(phone);
        using var here = await JsonSocket.SyncedAsync(_one, ann.Access);
        using var there = await JsonSocket.SyncedAsync(_two, ann.Access);

        var laptop = await _one.SignInAsync(phone, device: "Ann's laptop");
        var listed = (await _one.GetAsync("/v1/devices", ann.Access)).Is(200)["devices"].EnumerateArray()
            .Single(device => device.GetProperty("device_id").GetString() == laptop.Device);
        await EachAsync([here, there], socket => HasAsync(socket, "device_added"));
        (await _one.DeleteAsync($"/v1/devices/{laptop.Device}", ann.Access)).Is(204);
        await EachAsync([here, there], socket => HasAsync(socket, "device_removed"));

        async Task HasAsync(JsonSocket socket, string kind)
        {
            var frame = await socket.NextAsync("account");
            Assert.Equal(["op", "kind", "device"], frame.EnumerateObject().Select(member => member.Name));
            Assert.Equal(kind, frame.GetProperty("kind").GetString());
            Assert.Equal(Lasting(listed), Lasting(frame.GetProperty("device")));
        }

        // When it was last seen may have changed between the two.
        static Dictionary<string, string> Lasting(JsonElement device) => device.EnumerateObject()
            .ToDictionary(member => member.Name, member => member.Name == "last_seen" ? "" : member.Value.GetRawText());
    }

    [Fact]
    public async Task A_profile_is_told_to_those_who_share_a_conversation()
    {
        var (ann, other, ben) = await DevicesAsync();
        var (cat, dan, eve) = (await _one.SignInAsync(), await _one.SignInAsync(), await _one.SignInAsync());
        await StartAsync(ann, ben);
        using var dans = await JsonSocket.SyncedAsync(_two, dan.Access);
        var group = await StartAsync(ann, cat, dan);
        await dans.NextAsync("update");
        (await _one.DeleteAsync($"/v1/conversations/{group}/members/{dan.User}", ann.Access)).Is(204);
        await dans.NextAsync("update"); // He is no member any more, and his socket knows.
        using var acting = await JsonSocket.SyncedAsync(_one, ann.Access);
        using var away = await JsonSocket.SyncedAsync(_two, other.Access);
        using var bens = await JsonSocket.SyncedAsync(_one, ben.Access);
        using var cats = await JsonSocket.SyncedAsync(_two, cat.Access);
        using var eves = await JsonSocket.SyncedAsync(_two, eve.Access);

        (await _one.PatchAsync("/v1/users/me", new { name = "Anna", about = "Hi" }, ann.Access)).Is(200);

        await IsAsync(
            [acting, away, bens, cats],
            new
            {
                op = "account",
                kind = "profile_changed",
                user_id = ann.User,
                name = "Anna",
                about = "Hi",
                avatar = (string?)null,
            });
        await EachAsync([acting, away, bens, cats, dans, eves], NothingAsync);

        (await _two.PatchAsync("/v1/users/me", new { name = "Dan" }, dan.Access)).Is(200);
        await IsAsync(
            [dans],
            new
            {
                op = "account",
                kind = "profile_changed",
                user_id = dan.User,
                name = "Dan",
                about = (string?)null,
                avatar = (string?)null,
            });
        await EachAsync([acting, cats], NothingAsync);
    }

    [Fact]
    public async Task Who_joins_later_is_told_from_then_on_and_an_erased_account_has_no_names()
    {
        var (ann, ben) = (await _one.SignInAsync(name: "Ann"), await _one.SignInAsync());
        using var bens = await JsonSocket.SyncedAsync(_two, ben.Access);
        await StartAsync(ann, ben); // His socket has known no conversation before.
        await bens.NextAsync("update");

        (await _one.PatchAsync("/v1/users/me", new { name = "Anna" }, ann.Access)).Is(200);
        Assert.Equal("Anna", (await bens.NextAsync("account")).GetProperty("name").GetString());
        (await _one.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        await IsAsync(
            [bens],
            new
            {
                op = "account",
                kind = "profile_changed",
                user_id = ann.User,
                name = (string?)null,
                about = (string?)null,
                avatar = (string?)null,
            });
    }

    [Fact]
    public async Task A_new_avatar_is_told_and_that_there_is_none_any_more()
    {
        var (ann, other, ben) = await DevicesAsync();
        await StartAsync(ann, ben);
        using var away = await JsonSocket.SyncedAsync(_two, other.Access);
        using var bens = await JsonSocket.SyncedAsync(_two, ben.Access);
        using var form = new MultipartFormDataContent
        {
            { new StringContent("image"), "file_type" },
            { new ByteArrayContent(MediaServer.Picture()), "file", "a.png" },
        };
        var file = (await _one.PostAsync("/v1/media", form, ann.Access)).Is(201).Text("file_id");

        foreach (var avatar in new[] { file, null })
        {
            (await _one.PatchAsync("/v1/users/me", new { avatar }, ann.Access)).Is(200);
            await EachAsync([away, bens], async socket =>
            {
                var frame = await socket.NextAsync("account");
                Assert.Equal(
                    ("profile_changed", ann.User, avatar),
                    (frame.GetProperty("kind").GetString(), frame.GetProperty("user_id").GetString(),
                        frame.GetProperty("avatar").GetString()));
            });
        }
    }

    [Fact]
    public async Task A_linked_device_is_told_at_every_node_but_not_to_itself()
    {
        var ann = await _one.SignInAsync();
        using var here = await JsonSocket.SyncedAsync(_one, ann.Access);
        using var there = await JsonSocket.SyncedAsync(_two, ann.Access);
        var link = await DeviceLinkTests.StartAsync(_one);

        (await _two.PostAsync($"{link.Path}/approval", new { proof = link.Proof }, ann.Access)).Is(204);

        var browser = Tokens.Of((await DeviceLinkTests.WaitAsync(_one, link)).Is(200));
        await EachAsync([here, there], async socket =>
        {
            var frame = await socket.NextAsync("account");
            var device = frame.GetProperty("device");
            Assert.Equal(
                ("device_added", browser.Device, true, false),
                (frame.GetProperty("kind").GetString(), device.GetProperty("device_id").GetString(),
                    device.GetProperty("ephemeral").GetBoolean(), device.GetProperty("current").GetBoolean()));
        });
        using var its = await JsonSocket.SyncedAsync(_one, browser.Access);
        (await _one.PatchAsync("/v1/users/me", new { name = "Anna" }, ann.Access)).Is(200);
        Assert.Equal("profile_changed", (await its.NextAsync("account")).GetProperty("kind").GetString());
    }

    [Fact]
    public async Task A_change_that_was_decided_before_a_socket_opened_and_stored_after_that_is_told()
    {
        var (ann, other, ben) = await DevicesAsync();
        await StartAsync(ann, ben);
        await using var busy = await _one.Database.OpenConnectionAsync();
        await DoAsync($"SELECT pg_advisory_lock({LogSchema.AppendLock})");
        var slow = _one.PatchAsync("/v1/users/me", new { name = "Anna" }, ann.Access);
        await Eventually.IsTrue(
            async () => await DoAsync(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (" +
                "SELECT oid FROM pg_database WHERE datname = current_database())") is 1L,
            "the append waits");
        using var acting = await JsonSocket.SyncedAsync(_one, ann.Access);
        using var away = await JsonSocket.SyncedAsync(_two, other.Access);
        using var bens = await JsonSocket.SyncedAsync(_two, ben.Access);

        await DoAsync($"SELECT pg_advisory_unlock({LogSchema.AppendLock})");

        (await slow).Is(200);
        await EachAsync([acting, away, bens], async socket =>
            Assert.Equal("Anna", (await socket.NextAsync("account")).GetProperty("name").GetString()));

        async Task<object?> DoAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, busy);
            return await command.ExecuteScalarAsync();
        }
    }

    [Fact]
    public async Task A_socket_that_waits_for_its_first_catch_up_is_told_what_changes_meanwhile()
    {
        var (ann, other, ben) = await DevicesAsync();
        var cat = await _one.SignInAsync();
        await StartAsync(ann, ben, cat);
        using var cats = await JsonSocket.SyncedAsync(_one, cat.Access);
        var turns = _one.Services.GetRequiredService<CatchUpTurns>();
        var gate = new TaskCompletionSource<bool>();
        var held = Enumerable.Range(0, new LiveOptions().CatchUpsMax)
            .Select(_ => turns.TakeAsync(() => gate.Task)).ToList();
        using var away = await WelcomedAsync(other);
        using var bens = await WelcomedAsync(ben);

        (await _one.PatchAsync("/v1/users/me", new { name = "Anna" }, ann.Access)).Is(200);
        await EachAsync([cats, away], IsAnnaAsync); // One's own change needs no inbox.
        gate.SetResult(true);
        await Task.WhenAll(held);
        await IsAnnaAsync(bens);

        await EachAsync([cats, away, bens], socket => socket.LivesAsync());
        (await _one.PatchAsync("/v1/users/me", new { name = "Ann" }, ann.Access)).Is(200);
        await EachAsync([cats, away, bens], async socket =>
            Assert.Equal("Ann", (await socket.NextAsync("account")).GetProperty("name").GetString()));

        async Task<JsonSocket> WelcomedAsync(Tokens who)
        {
            var socket = await JsonSocket.OpenAsync(_one, who.Access);
            await socket.NextAsync("welcome");
            return socket;
        }

        static async Task IsAnnaAsync(JsonSocket socket) =>
            Assert.Equal("Anna", (await socket.NextAsync("account")).GetProperty("name").GetString());
    }

    [Fact]
    public async Task Of_many_changes_of_one_thing_the_last_one_is_told()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        var conversation = await StartAsync(ann, ben);
        for (var n = 1; n <= 3; n++)
        {
            (await _one.PatchAsync("/v1/users/me", new { name = $"Ann {n}" }, ann.Access)).Is(200);
            (await _one.PatchAsync(
                $"/v1/conversations/{conversation}/settings", new { pinned = n % 2 == 1 }, ann.Access)).Is(200);
            (await _one.SendAsync(HttpMethod.Put, $"/v1/blocks/{ben.User}", null, ann.Access)).Is(204);
        }

        var changes = await _one.Services.GetRequiredService<IMediator>().Send(
            new ReadAccountChanges.Query(new UserId(Guid.Parse(ann.User)), First: 2, Last: 100, ProfileOnly: false));

        Assert.Equal(3, changes.Count);
        var block = Assert.IsType<AccountChange.OfBlock>(changes[0]);
        Assert.Equal((ben.User, true), (block.User.ToString(), block.Blocked));
        Assert.Equal("Ann 3", Assert.IsType<AccountChange.OfProfile>(changes[1]).Profile!.Name);
        Assert.True(Assert.IsType<AccountChange.OfSettings>(changes[2]).Settings.Pinned);
    }

    /// <summary>Two devices of Ann, and Ben.</summary>
    private async Task<(Tokens Ann, Tokens Other, Tokens Ben)> DevicesAsync()
    {
        var phone = AccountCalls.NewPhone();
        return (await _one.SignInAsync(phone), await _one.SignInAsync(phone), await _one.SignInAsync());
    }

    private async Task<string> StartAsync(Tokens by, params Tokens[] with)
    {
        var members = with.Select(member => member.User).ToArray();
        object body = with.Length == 1
            ? new { type = "direct", member_ids = members }
            : new { type = "group", title = "Us", member_ids = members };
        return (await _one.PostAsync("/v1/conversations", body, by.Access)).Is(201).Text("conversation_id");
    }

    private static async Task EachAsync(IEnumerable<JsonSocket> sockets, Func<JsonSocket, Task> check)
    {
        foreach (var socket in sockets)
            await check(socket);
    }

    private static Task IsAsync(IEnumerable<JsonSocket> sockets, object frame) => EachAsync(
        sockets,
        async socket => Assert.Equal(
            JsonSerializer.Serialize(frame), (await socket.NextAsync("account")).GetRawText()));

    /// <summary>Asserts that nothing has come before the answer to a ping.</summary>
    private static async Task NothingAsync(JsonSocket socket)
    {
        await socket.SendAsync(new { op = "ping", id = "last" });
        Assert.Equal("""{"op":"pong","id":"last"}""", (await socket.NextAsync()).GetRawText());
    }
}
