using ChatCqrs.Client.Specs.Fakes;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Client.Specs;

/// <summary>Requests: errors, positions, uploads, links.</summary>
public sealed class RestSpecs
{
    [Fact]
    public async Task A_problem_is_one_exception_with_all_that_the_server_says()
    {
        await using var world = new World();
        world.Server.Answer = (_, _) => FakeServer.Problem(429, "rate_limited", TimeSpan.FromSeconds(7));

        var refused = await Assert.ThrowsAsync<ChatException>(() => world.Client.RegisterAsync("+1"));

        Assert.Equal(
            ("rate_limited", 429, "No.", "trace", TimeSpan.FromSeconds(7), true),
            (refused.Code, refused.Status, refused.Detail, refused.TraceId, refused.RetryAfter!.Value,
                refused.Retryable));
        Assert.Equal("is none.", Assert.Single(refused.Errors["phone"]));
    }

    [Theory]
    [InlineData(400, false)]
    [InlineData(404, false)]
    [InlineData(408, true)]
    [InlineData(409, false)]
    [InlineData(500, true)]
    [InlineData(502, true)]
    public async Task An_error_without_a_problem_has_its_status(int status, bool retryable)
    {
        await using var world = new World();
        world.Server.Answer = (_, _) => FakeServer.Json(status, "<html>");

        var refused = await Assert.ThrowsAsync<ChatException>(() => world.Client.ServerAsync());

        Assert.Equal(($"status_{status}", status, retryable), (refused.Code, refused.Status, refused.Retryable));
    }

    [Fact]
    public async Task No_answer_is_a_failure_of_the_network_and_a_cancellation_stays_one()
    {
        await using var world = new World();
        var lost = await Assert.ThrowsAsync<ChatException>(() => world.Client.ServerAsync());
        Assert.Equal((ErrorCode.Network, 0, true), (lost.Code, lost.Status, lost.Retryable));
        Assert.IsType<HttpRequestException>(lost.InnerException);

        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => world.Client.ServerAsync(cancelled.Token));
    }

    [Fact]
    public async Task What_was_written_is_read_and_a_position_that_the_log_has_lost_is_forgotten()
    {
        await using var world = new World();
        await world.SignedInAsync();
        await world.Client.IsSignedInAsync();
        var positions = new List<string?>();
        world.Server.Answer = (request, _) =>
        {
            if (request.Method != HttpMethod.Get)
            {
                var written = FakeServer.Json(204, "");
                written.Headers.Add("Chat-Position", "p1");
                return written;
            }

            var has = request.Headers.TryGetValues("Chat-Min-Position", out var values);
            positions.Add(has ? values!.Single() : null);
            return positions.Count == 2
                ? FakeServer.Problem(400, "position_unknown")
                : FakeServer.Json(200, """{"conversations":[],"next_cursor":null}""");
        };

        await world.Client.BlockAsync(World.Ben);
        await world.Client.Inbox.PageAsync();
        await world.Client.Inbox.PageAsync();

        Assert.Equal(["p1", "p1", null], positions);
    }

    [Fact]
    public async Task Signing_in_takes_a_code_and_leaves_tokens_in_the_store()
    {
        await using var world = new World();
        var registration = Guid.NewGuid();
        world.Server.Answer = (request, _) => request.RequestUri!.AbsolutePath == "/v1/registrations"
            ? FakeServer.Json(202, $$"""
                {"registration_id":"{{registration}}","expires_at":"2026-01-01T00:00:00Z","code":"123456"}
                """)
            : world.NewTokens();
        await Assert.ThrowsAsync<InvalidOperationException>(() => world.Client.VerifyAsync("1"));

        var started = await world.Client.RegisterAsync("+12025550123", "Ada");
        var account = await world.Client.VerifyAsync(started.Code!);

        Assert.Equal(new Account(World.Ada, World.Device), account);
        Assert.Equal(ClientStatus.Idle, world.Client.State.Status);
        Assert.Equal(
            ["POST /v1/registrations", $"POST /v1/registrations/{registration}/verification"],
            world.Server.Requests.Select(request => request.Line));
        await using var later = new World(world.Storage);
        Assert.True(await later.Client.IsSignedInAsync());
    }

    [Fact]
    public async Task Signing_out_leaves_nothing_in_the_store()
    {
        await using var world = new World();
        var socket = await world.LiveAsync();
        var waiting = await world.Conversation.SendAsync("not sent");
        await socket.NextAsync("send");
        world.Server.Answer = (_, _) => FakeServer.Json(204, "");

        await world.Client.SignOutAsync();

        Assert.Equal($"DELETE /v1/devices/{World.Device}", world.Server.Requests[^1].Line);
        Assert.Empty(await world.Storage.KeysAsync(""));
        Assert.Equal(OutgoingStatus.Cancelled, waiting.Status);
        Assert.Equal(ClientStatus.SignedOut, world.Client.State.Status);
    }

    [Fact]
    public async Task What_one_person_has_read_is_not_told_in_the_name_of_the_next_one()
    {
        await using var world = new World();
        await world.SignedInAsync();
        Assert.True(await world.Client.IsSignedInAsync());
        await world.Conversation.MarkReadAsync(9);
        world.Server.Answer = (request, _) => request.RequestUri!.AbsolutePath switch
        {
            "/v1/registrations" => FakeServer.Json(
                202, $$"""{"registration_id":"{{Guid.NewGuid()}}","expires_at":"2026-01-01T00:00:00Z"}"""),
            var path when path.EndsWith("/verification", StringComparison.Ordinal) => world.NewTokens(),
            _ => FakeServer.Json(204, ""),
        };
        await world.Client.SignOutAsync();
        await world.Client.RegisterAsync("+12025550124");
        await world.Client.VerifyAsync("123456");

        var connecting = world.Client.ConnectAsync();
        var socket = await world.CaughtUpAsync();
        await connecting.WaitAsync(Wait.Most);

        Assert.DoesNotContain("read", await world.OpsDueAsync(socket));
        await world.Conversation.MarkReadAsync(3); // What the former one has read hides nothing either.
        Assert.Equal(3, (await socket.NextAsync("read")).GetProperty("seq").GetInt64());
    }

    [Theory]
    [InlineData(2, 50, true)] // The server ends a page where its bytes are too many.
    [InlineData(2, 2, false)]
    public async Task The_server_says_whether_a_page_of_history_is_the_last(int count, int limit, bool more)
    {
        await using var world = new World();
        await world.SignedInAsync();
        await world.Client.IsSignedInAsync();
        var messages = Enumerable.Range(7, count).Select(seq => $$"""
            {"message_id":"{{Guid.NewGuid()}}","conversation_id":"{{World.Talk}}","seq":{{seq}},
            "sender_id":"{{World.Ben}}","type":"text","text":"hello","sent_at":"2026-01-01T00:00:00.000Z"}
            """);
        world.Server.Answer = (_, _) => FakeServer.Json(
            200, $$"""{"messages":[{{string.Join(',', messages)}}],"next_cursor":{{(more ? "\"c\"" : "null")}}}""");

        var page = await world.Conversation.HistoryAsync(limit: limit);

        Assert.Equal((count, more ? 7L : null), (page.Messages.Count, page.Before));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_link_signs_in_only_where_whoever_approved_it_had_its_code(bool proven)
    {
        await using var world = new World();
        var id = Guid.NewGuid();
        string? proof = null;
        var asked = 0;
        world.Server.Answer = (request, _) => request.Method == HttpMethod.Post
            ? FakeServer.Json(201, $$"""{"link_id":"{{id}}","secret":"s","expires_at":"2026-01-01T00:05:00Z"}""")
            : ++asked < 3 ? FakeServer.Json(200, """{"status":"pending"}""")
            : FakeServer.Json(200, $$"""
                {"status":"approved","proof":"{{proof}}","user_id":"{{World.Ada}}","device_id":"{{World.Device}}",
                "access_token":"a","refresh_token":"r","expires_in":900}
                """);
        var link = await world.Client.LinkAsync();
        proof = proven ? LinkAddress.Parse(link.Address).Proof() : Convert.ToBase64String(new byte[32]);

        if (proven)
        {
            Assert.Equal(World.Ada, (await link.ApprovedAsync()).UserId);
            Assert.Equal("Link s", world.Server.Requests[^1].Request.Headers.GetValues("Authorization").Single());
        }
        else
        {
            var refused = await Assert.ThrowsAsync<ChatException>(() => link.ApprovedAsync());
            Assert.Equal(ErrorCode.LinkUnproven, refused.Code);
            Assert.Empty(await world.Storage.KeysAsync("session"));
        }
    }

    [Theory]
    [InlineData("https://example.org")]
    [InlineData("chatcqrs:link?id=x&code=y")]
    [InlineData("chatcqrs:link?server=http%3A%2F%2Fa&id=0197f7a0-0000-7000-8000-000000000000&code=AAAA")]
    public async Task What_is_no_link_is_refused_without_a_request(string text)
    {
        await using var world = new World();
        await Assert.ThrowsAsync<FormatException>(() => world.Client.ApproveLinkAsync(text));
        Assert.Empty(world.Server.Requests);
    }

    [Fact]
    public async Task An_upload_goes_on_from_where_the_server_has_it()
    {
        const int size = 3_000_000;
        await using var world = new World(random: 0);
        await world.SignedInAsync();
        var upload = new FakeUpload(size) { LoseEvery = 2 };
        world.Server.Answer = upload.Answer;
        await world.Client.IsSignedInAsync();
        var bytes = new byte[size];
        new Random(1).NextBytes(bytes);
        var told = new List<long>();

        var file = await world.Client.UploadAsync(
            new MemoryStream(bytes), new UploadOptions { FileType = "image", FileName = "ä.png" },
            new Told(told.Add));

        Assert.Equal(upload.File, file);
        Assert.Equal(bytes, upload.Received.ToArray());
        Assert.Equal(size, told[^1]);
        Assert.Equal(told.Order(), told);
    }

    [Fact]
    public async Task An_upload_can_be_resumed_by_another_process()
    {
        const int size = 2_500_000;
        await using var world = new World(random: 0);
        await world.SignedInAsync();
        var upload = new FakeUpload(size);
        world.Server.Answer = upload.Answer;
        await world.Client.IsSignedInAsync();
        var bytes = new byte[size];
        new Random(2).NextBytes(bytes);
        Uri? address = null;
        using var stop = new CancellationTokenSource();
        upload.AfterPart = stop.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => world.Client.UploadAsync(
            new MemoryStream(bytes), new UploadOptions { Begun = begun => address = begun }, null, stop.Token));

        upload.AfterPart = null;
        var file = await world.Client.UploadAsync(
            new MemoryStream(bytes), new UploadOptions { ResumeFrom = address });

        Assert.Equal(upload.File, file);
        Assert.Equal(bytes, upload.Received.ToArray());
    }

    [Fact]
    public async Task An_upload_that_gets_no_byte_further_fails_after_ten_attempts()
    {
        await using var world = new World(random: 0);
        await world.SignedInAsync();
        await world.Client.IsSignedInAsync();

        var failed = await Assert.ThrowsAsync<ChatException>(
            () => world.Client.UploadAsync(new MemoryStream(new byte[10])));

        Assert.Equal(ErrorCode.Network, failed.Code);
        Assert.Equal(11, world.Server.Requests.Count);
    }

    [Fact]
    public async Task A_container_makes_one_client_with_its_clock()
    {
        var time = new SetClock();
        var services = new ServiceCollection().AddSingleton<TimeProvider>(time)
            .AddChatClient(options => options.Url = new Uri("http://chat.test"));
        await using var provider = services.BuildServiceProvider();

        var client = provider.GetRequiredService<ChatClient>();

        Assert.Same(client, provider.GetRequiredService<ChatClient>());
        Assert.Same(time, client.Parts.Clock.Time);
    }

    [Fact]
    public void Options_are_checked_when_the_client_is_made()
    {
        Assert.Throws<ArgumentNullException>(() => new ChatClient(new ChatClientOptions()));
        Assert.Throws<ArgumentException>(
            () => new ChatClient(new ChatClientOptions { Url = new Uri("ftp://chat.test") }));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new ChatClient(new ChatClientOptions { Url = new Uri("http://chat.test"), EventsMax = 0 }));
    }

    private sealed class Told(Action<long> tell) : IProgress<long>
    {
        public void Report(long value) => tell(value);
    }
}
