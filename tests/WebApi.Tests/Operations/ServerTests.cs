using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Operations;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Realtime;

namespace ChatCqrs.WebApi.Tests.Operations;

/// <summary>A server whose bounds are none of the defaults.</summary>
public sealed class BoundedServer : ChatServer
{
    protected override IEnumerable<(string Name, string Value)> Settings =>
    [
        .. base.Settings, ("Server:Name", "The office"), ("Groups:MembersMax", "3"), ("Media:SizeMax", "70000"),
        ("Retention:Days", "7"), ("Retention:ShortestTimer", "00:05:00"), ("Retention:DeleteWhenDelivered", "true"),
    ];
}

/// <summary><c>GET /v1/server</c> says what the server does: each bound is tried at its value and one beyond.</summary>
public sealed partial class ServerTests(BoundedServer server) : IClassFixture<BoundedServer>
{
    [Fact]
    public async Task It_is_for_everybody_and_may_be_kept_for_a_minute()
    {
        using var answer = await server.Http.GetAsync("/v1/server");

        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Equal("public, max-age=60", $"{answer.Headers.CacheControl}");
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(
            [
                "name", "version", "api_versions", "time", "incarnation", "registration", "limits", "retention", "push",
                "encryption", "features",
            ],
            body.EnumerateObject().Select(member => member.Name));
        Assert.Equal("The office", body.GetProperty("name").GetString());
        Assert.Equal(ServerEndpoints.Version, body.GetProperty("version").GetString());
        Assert.Equal("""["v1"]""", body.GetProperty("api_versions").GetRawText());
        Assert.Equal("""["phone"]""", body.GetProperty("registration").GetRawText());
        Assert.InRange(
            DateTimeOffset.UtcNow - body.GetProperty("time").GetDateTimeOffset(), TimeSpan.FromMinutes(-1),
            TimeSpan.FromMinutes(1));
        Assert.Equal(JsonValueKind.Null, body.GetProperty("encryption").ValueKind);
    }

    [Fact]
    public async Task Its_incarnation_is_that_of_the_sockets()
    {
        var ann = await server.SignInAsync();
        using var socket = await server.ConnectAsync(ann.Access);
        var welcome = await socket.ReceiveAsync("welcome");

        Assert.Equal(
            welcome.GetProperty("incarnation").GetString(),
            (await server.GetAsync("/v1/server")).Is(200).Text("incarnation"));
    }

    [Theory]
    [InlineData("text_bytes")]
    [InlineData("ciphertext_bytes")]
    [InlineData("attachment_bytes")]
    public async Task A_message_is_taken_up_to_a_bound_and_not_beyond(string bound)
    {
        var max = (int)await LimitAsync(bound);
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());

        (await SendAsync(max)).Is(201);
        (await SendAsync(max + 1)).IsProblem(400, "invalid");

        Task<Answer> SendAsync(int size) => server.PostAsync(
            "/v1/messages",
            bound switch
            {
                "text_bytes" => Message("text", text: new string('x', size)),
                "ciphertext_bytes" => Message("text", ciphertext: new string('~', size)),
                _ => Message("image", media: new { note = new string('x', size - "{\"note\":\"\"}".Length) }),
            },
            ann.Access);

        object Message(string type, string? text = null, string? ciphertext = null, object? media = null) => new
        {
            message_id = Guid.CreateVersion7(),
            receiver_id = ben.User,
            type,
            text,
            ciphertext,
            media_object = media,
        };
    }

    [Fact]
    public async Task A_file_is_taken_up_to_the_bound_and_not_beyond()
    {
        var max = (int)await LimitAsync("file_bytes");
        var ann = await server.SignInAsync();

        (await UploadAsync(max)).Is(201);
        (await UploadAsync(max + 1)).IsProblem(413, "file_too_large");

        async Task<Answer> UploadAsync(int size)
        {
            var file = new ByteArrayContent(new byte[size]);
            file.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            using var form = new MultipartFormDataContent
            {
                { new StringContent("encrypted"), "file_type" }, { file, "file", "f" },
            };
            return await server.SendAsync(HttpMethod.Post, "/v1/media", form, ann.Access);
        }
    }

    [Fact]
    public async Task A_frame_is_taken_up_to_the_bound_and_not_beyond()
    {
        var max = (int)await LimitAsync("frame_bytes");
        var ann = await server.SignInAsync();
        using var socket = await server.ConnectAsync(ann.Access);
        await socket.ReceiveAsync("synced");

        await socket.SendTextAsync(PingOf(max));
        Assert.Equal(1, (await socket.ReceiveAsync("pong")).GetProperty("id").GetInt32());
        await socket.SendTextAsync(PingOf(max + 1));

        Assert.Equal(1009, await socket.ReceiveCloseAsync());

        static string PingOf(int size) => """{"op":"ping","id":1}""".PadRight(size);
    }

    [Fact]
    public async Task A_group_has_as_many_members_as_the_bound_and_no_more()
    {
        var max = (int)await LimitAsync("members");
        var ann = await server.SignInAsync();
        var others = new List<string>();
        for (var i = 0; i < max; i++)
            others.Add((await server.SignInAsync()).User);

        (await StartAsync(max - 1)).Is(201);
        (await StartAsync(max)).IsInvalid("member_ids");

        Task<Answer> StartAsync(int count) => server.PostAsync(
            "/v1/conversations", new { type = "group", title = "Climbing", member_ids = others.Take(count) },
            ann.Access);
    }

    [Fact]
    public async Task A_page_has_as_many_items_as_the_bound_and_no_more()
    {
        var max = await LimitAsync("page");
        var ann = await server.SignInAsync();

        (await server.GetAsync($"/v1/conversations?limit={max}", ann.Access)).Is(200);
        (await server.GetAsync($"/v1/conversations?limit={max + 1}", ann.Access)).IsInvalid("limit");
    }

    [Fact]
    public async Task A_message_may_be_edited_as_long_as_the_rules_say() =>
        Assert.Equal(MessageRules.EditWindow.TotalSeconds, await LimitAsync("edit_seconds"));

    [Fact]
    public async Task Messages_are_kept_as_it_says()
    {
        var retention = (await server.GetAsync("/v1/server")).Is(200)["retention"];
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        var sent = (await server.PostAsync(
            "/v1/messages",
            new { message_id = Guid.CreateVersion7(), receiver_id = ben.User, type = "text", text = "hello" },
            ann.Access)).Is(201);
        var conversation = $"/v1/conversations/{sent.Text("conversation_id")}";
        var message = (await server.GetAsync($"{conversation}/messages/{sent.Text("message_id")}", ann.Access)).Is(200);
        var least = retention.GetProperty("shortest_timer_seconds").GetInt64();

        Assert.Equal(
            retention.GetProperty("days").GetInt32(),
            (message["expires_at"].GetDateTimeOffset() - message["sent_at"].GetDateTimeOffset()).TotalDays, 0.001);
        (await TimerAsync(least)).Is(200);
        (await TimerAsync(least - 1)).IsProblem(400, "invalid");
        Assert.True(retention.GetProperty("delete_when_delivered").GetBoolean());

        Task<Answer> TimerAsync(long seconds) => server.PatchAsync(
            conversation, new { retention = new { disappearing_seconds = seconds } }, ann.Access);
    }

    [Fact]
    public async Task Push_services_with_credentials_are_named()
    {
        var ann = await server.SignInAsync();
        var push = (await server.GetAsync("/v1/server")).Is(200)["push"];

        Assert.Equal(
            (await server.GetAsync("/v1/push/vapid-public-key", ann.Access)).Is(200).Text("public_key"),
            push.GetProperty("webpush_public_key").GetString());
        Assert.False(push.GetProperty("fcm").GetBoolean());
        Assert.False(push.GetProperty("apns").GetBoolean());
    }

    [Fact]
    public async Task Every_feature_is_described()
    {
        var page = await File.ReadAllTextAsync(Repository.At("docs/reference/features.md"));
        var described = FeatureRow().Matches(page).Select(match => match.Groups[1].Value);

        Assert.Equal(
            described,
            (await server.GetAsync("/v1/server")).Is(200)["features"].EnumerateArray()
                .Select(feature => feature.GetString()!));
    }

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex FeatureRow();

    private async Task<long> LimitAsync(string name) =>
        (await server.GetAsync("/v1/server")).Is(200)["limits"].GetProperty(name).GetInt64();
}
