using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text.Json;
using ChatCqrs.Testing;
using Npgsql;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>Downloads: permissions, ranges and caching.</summary>
public sealed class DownloadTests(SharedMediaServer server) : IClassFixture<SharedMediaServer>
{
    [Fact]
    public async Task The_owner_gets_it_back_byte_for_byte_to_save_and_to_keep()
    {
        var bytes = MediaServer.Picture(200_000);
        var uploaded = (await server.UploadAsync(server.Ann, bytes, name: "Grüße am Strand.png")).Is(201);

        using var answer = await server.DownloadAsync(server.Ann, uploaded.Text("file_id"));

        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Equal(bytes, await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal($"\"{uploaded.Text("sha256")}\"", answer.Headers.ETag!.Tag);
        Assert.Equal("image/png", answer.Content.Headers.ContentType!.MediaType);
        var disposition = answer.Content.Headers.ContentDisposition!;
        Assert.Equal(
            ("attachment", "Grüße am Strand.png"), (disposition.DispositionType, disposition.FileNameStar));
        Assert.Equal("nosniff", MediaServer.Header(answer, "X-Content-Type-Options"));
        Assert.Contains("sandbox", MediaServer.Header(answer, "Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Contains("immutable", answer.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        Assert.True(answer.Headers.CacheControl.Private);
        Assert.Equal(["bytes"], answer.Headers.AcceptRanges);
    }

    [Fact]
    public async Task A_HEAD_reads_no_bytes()
    {
        var before = Stored();
        var bytes = MediaServer.Picture();
        var file = await server.UploadedAsync(server.Ann, bytes);
        foreach (var stored in Stored().Except(before))
            File.Delete(stored);

        using var head = await server.DownloadAsync(server.Ann, file, method: HttpMethod.Head);

        Assert.Equal((200, (long?)bytes.Length), ((int)head.StatusCode, head.Content.Headers.ContentLength));
        await Assert.ThrowsAnyAsync<HttpRequestException>(async () =>
        {
            using var get = await server.DownloadAsync(server.Ann, file);
            get.EnsureSuccessStatusCode(); // The file is gone indeed.
        });

        string[] Stored() => Directory.GetFiles(
            Path.Combine(server.DataFolder, "media"), "*", SearchOption.AllDirectories);
    }

    [Fact]
    public async Task Parts_of_it_can_be_had()
    {
        var bytes = MediaServer.Picture(10_000);
        var file = await server.UploadedAsync(server.Ann, bytes);

        using var middle = await server.DownloadAsync(
            server.Ann, file, headers => headers.Range = new RangeHeaderValue(100, 199));
        using var end = await server.DownloadAsync(
            server.Ann, file, headers => headers.Range = new RangeHeaderValue(null, 10));
        using var beyond = await server.DownloadAsync(
            server.Ann, file, headers => headers.Range = new RangeHeaderValue(bytes.Length, null));
        using var head = await server.DownloadAsync(server.Ann, file, method: HttpMethod.Head);

        Assert.Equal(
            (206, $"bytes 100-199/{bytes.Length}"),
            ((int)middle.StatusCode, middle.Content.Headers.ContentRange!.ToString()));
        Assert.Equal(bytes[100..200], await middle.Content.ReadAsByteArrayAsync());
        Assert.Equal(bytes[^10..], await end.Content.ReadAsByteArrayAsync());
        Assert.Equal(
            (416, "application/problem+json"), ((int)beyond.StatusCode, beyond.Content.Headers.ContentType!.MediaType));
        Assert.Equal($"bytes */{bytes.Length}", beyond.Content.Headers.ContentRange!.ToString());
        Assert.Equal((200, (long?)bytes.Length), ((int)head.StatusCode, head.Content.Headers.ContentLength));
    }

    [Fact]
    public async Task A_client_with_the_bytes_gets_304()
    {
        var uploaded = (await server.UploadAsync(server.Ann, MediaServer.Picture())).Is(201);
        var tag = new EntityTagHeaderValue($"\"{uploaded.Text("sha256")}\"");

        using var known = await server.DownloadAsync(
            server.Ann, uploaded.Text("file_id"), headers => headers.IfNoneMatch.Add(tag));
        using var other = await server.DownloadAsync(
            server.Ann, uploaded.Text("file_id"), headers => headers.IfNoneMatch.Add(new("\"other\"")));

        Assert.Equal((304, 0), ((int)known.StatusCode, (await known.Content.ReadAsByteArrayAsync()).Length));
        Assert.Equal(200, (int)other.StatusCode);
    }

    [Fact]
    public async Task Only_recipients_download_a_file()
    {
        var file = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        await IsHiddenAsync(server.Ben, file);

        (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = file, width = 640 })).Is(201);

        using var sent = await server.DownloadAsync(server.Ben, file);
        Assert.Equal(200, (int)sent.StatusCode);
        await IsHiddenAsync(server.Eve, file);

        // A recipient may send the file on.
        (await server.SendFileAsync(server.Ben, server.Eve.User, new { file_ID = file })).Is(201);
        using var passed = await server.DownloadAsync(server.Eve, file);
        Assert.Equal(200, (int)passed.StatusCode);
    }

    [Fact]
    public async Task In_a_group_a_file_is_for_who_was_there_and_still_is()
    {
        var early = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        var late = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        var group = (await server.PostAsync(
            "/v1/conversations", new { type = "group", title = "us", member_ids = new[] { server.Ben.User } },
            server.Ann.Access)).Is(201).Text("conversation_id");
        (await server.SendFileAsync(server.Ann, group, new { file_id = early })).Is(201);

        (await server.PostAsync(
            $"/v1/conversations/{group}/members", new { user_ids = new[] { server.Eve.User } }, server.Ann.Access))
            .Is(200);
        (await server.SendFileAsync(server.Ann, group, new { file_id = late })).Is(201);

        using var sent = await server.DownloadAsync(server.Eve, late);
        Assert.Equal(200, (int)sent.StatusCode);
        await IsHiddenAsync(server.Eve, early);
        using var kept = await server.DownloadAsync(server.Ben, early);
        Assert.Equal(200, (int)kept.StatusCode);

        (await server.DeleteAsync($"/v1/conversations/{group}/members/{server.Eve.User}", server.Ann.Access)).Is(204);
        await IsHiddenAsync(server.Eve, late);
    }

    [Fact]
    public async Task Nobody_gains_a_file_by_sending_its_id()
    {
        var file = await server.UploadedAsync(server.Ann, MediaServer.Picture());

        foreach (var media in MentioningAll(file))
        {
            (await server.SendFileAsync(server.Eve, server.Ben.User, media)).IsProblem(400, "file_unknown");
            (await server.SendFileAsync(server.Eve, server.Ben.User, media, "contact")).IsProblem(400, "file_unknown");
        }

        (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = Guid.NewGuid() }))
            .IsProblem(400, "file_unknown");
        (await server.PostAsync(
            "/v1/messages",
            new
            {
                message_id = Guid.CreateVersion7(),
                receiver_id = server.Ben.User,
                type = "document",
                document = file,
            },
            server.Eve.Access)).IsProblem(400, "file_unknown");
        await IsHiddenAsync(server.Eve, file);
        await IsHiddenAsync(server.Ben, file);
    }

    [Fact]
    public async Task Over_a_socket_a_file_of_another_refuses_its_message_alone()
    {
        var (anns, eves) = (
            await server.UploadedAsync(server.Ann, MediaServer.Picture()),
            await server.UploadedAsync(server.Eve, MediaServer.Picture()));
        using var socket = await server.ConnectAsync(server.Eve.Access);
        var sent = new[] { eves, anns, eves }.Select(file => (Id: Guid.CreateVersion7(), File: file)).ToList();

        foreach (var (id, file) in sent)
        {
            await socket.SendAsync(
                JsonSerializer.SerializeToUtf8Bytes(new
                {
                    op = "send",
                    message_id = id,
                    receiver_id = server.Ben.User,
                    type = "image",
                    media_object = new { file_id = file },
                }),
                WebSocketMessageType.Text, true, Eventually.Cancelled());
        }

        var answers = await AnswersAsync(socket, sent.Count);
        Assert.Equal(
            ["ack", "400 file_unknown", "ack"], sent.Select(message => answers[message.Id]));
        await IsHiddenAsync(server.Ben, anns);
    }

    [Fact]
    public async Task A_message_names_some_files_at_most()
    {
        var files = await Task.WhenAll(Enumerable.Range(0, 65).Select(
            _ => server.UploadedAsync(server.Ann, MediaServer.Picture(100))));

        (await server.SendFileAsync(server.Ann, server.Ben.User, Album(files))).IsInvalid("media_object");
        (await server.SendFileAsync(server.Ann, server.Ben.User, Album(files[..64]))).Is(201);

        using var last = await server.DownloadAsync(server.Ben, files[63]);
        Assert.Equal(200, (int)last.StatusCode);

        static object Album(string[] files) => new { album = files.Select(file => new { file_id = file }) };
    }

    [Fact]
    public async Task A_thumbnail_is_opened_with_its_message_and_goes_with_it()
    {
        var file = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        var thumbnail = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        var sent = (await server.SendFileAsync(
            server.Ann, server.Ben.User, new { file_id = file, thumbnail_file_id = thumbnail })).Is(201);

        using var shown = await server.DownloadAsync(server.Ben, thumbnail);
        Assert.Equal(200, (int)shown.StatusCode);

        (await server.DeleteAsync(
            $"/v1/conversations/{sent.Text("conversation_id")}/messages/{sent.Text("message_id")}",
            server.Ann.Access)).Is(204);
        await Eventually.IsTrue(
            async () => (await server.DownloadAsync(server.Ben, thumbnail)).StatusCode == HttpStatusCode.NotFound,
            "the thumbnail has gone with its message");
        await IsHiddenAsync(server.Ben, file);
    }

    [Fact]
    public async Task A_retry_is_answered_after_its_file_has_gone()
    {
        var file = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        var message = new
        {
            message_id = Guid.CreateVersion7(),
            receiver_id = server.Ben.User,
            type = "image",
            media_object = new { file_id = file },
        };
        var first = (await server.PostAsync("/v1/messages", message, server.Ann.Access)).Is(201);
        await using (var command = server.Database.CreateCommand("DELETE FROM chat.media_files WHERE file_id = $1"))
        {
            command.Parameters.Add(new NpgsqlParameter { Value = Guid.Parse(file) });
            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }

        Assert.Equal(
            first["seq"].GetInt64(),
            (await server.PostAsync("/v1/messages", message, server.Ann.Access)).Is(200)["seq"].GetInt64());
        (await server.PostAsync(
            "/v1/messages", message with { message_id = Guid.CreateVersion7() }, server.Ann.Access))
            .IsProblem(400, "file_unknown");
    }

    private static object[] MentioningAll(string file) =>
    [
        file, new { file_id = file }, new { thumbnail_file_id = file }, new { file_ID = file },
        new { album = new[] { new { file_id = file } } },
    ];

    /// <summary>How messages were answered, by their ids.</summary>
    private static async Task<Dictionary<Guid, string>> AnswersAsync(ClientWebSocket socket, int count)
    {
        var answers = new Dictionary<Guid, string>();
        var buffer = new byte[64 * 1024];
        while (answers.Count < count)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            Assert.True(received.EndOfMessage);
            var frame = JsonSerializer.Deserialize<JsonElement>(buffer.AsSpan(0, received.Count));
            if (frame.GetProperty("op").GetString() == "ack")
                answers[frame.GetProperty("message_id").GetGuid()] = "ack";
            if (frame.GetProperty("op").GetString() == "error")
            {
                var problem = frame.GetProperty("problem");
                answers[frame.GetProperty("ref").GetGuid()] =
                    $"{problem.GetProperty("status")} {problem.GetProperty("code")}";
            }
        }

        return answers;
    }

    [Fact]
    public async Task An_encrypted_message_may_name_its_file()
    {
        var file = await server.UploadedAsync(server.Ann, [0, .. MediaServer.Picture()]);
        object Message(object media) => new
        {
            message_id = Guid.CreateVersion7(),
            receiver_id = server.Ben.User,
            type = "image",
            ciphertext = "AAEC",
            media_object = media,
        };

        (await server.PostAsync(
            "/v1/messages", Message(new { file_id = file, caption = "in the open" }), server.Ann.Access))
            .IsInvalid("ciphertext");
        (await server.PostAsync("/v1/messages", Message(new { file_id = file }), server.Ann.Access)).Is(201);

        using var answer = await server.DownloadAsync(server.Ben, file);
        Assert.Equal(200, (int)answer.StatusCode);
    }

    [Fact]
    public async Task A_question_that_is_wrong_is_refused()
    {
        var file = await server.UploadedAsync(server.Ann, MediaServer.Picture());

        (await server.GetAsync("/v1/media/download", server.Ann.Access)).IsInvalid("file_id");
        (await server.GetAsync("/v1/media/download?file_id=x", server.Ann.Access)).IsInvalid("file_id");
        (await server.GetAsync($"/v1/media/download?file_id={file}&user_id=x", server.Ann.Access)).IsInvalid("user_id");
        (await server.GetAsync($"/v1/media/download?file_id={file}&user_ID={server.Ben.User}", server.Ann.Access))
            .IsProblem(403, "not_the_caller");
        (await server.GetAsync($"/v1/media/download?file_id={Guid.NewGuid()}", server.Ann.Access))
            .IsProblem(404, "file_unknown");
        (await server.GetAsync($"/v1/media/download?file_id={file}")).IsProblem(401, "unauthenticated");
        using var right = await server.DownloadAsync(server.Ann, $"{file}&user_ID={server.Ann.User}");
        Assert.Equal(200, (int)right.StatusCode);
    }

    private async Task IsHiddenAsync(Accounts.Tokens who, string file) =>
        (await server.GetAsync($"/v1/media/download?file_id={file}", who.Access)).IsProblem(404, "file_unknown");
}

/// <summary>Downloads that a content delivery network serves.</summary>
public sealed class RedirectedDownloadTests(
    RedirectedDownloadTests.EdgeServer server) : IClassFixture<RedirectedDownloadTests.EdgeServer>
{
    public sealed class EdgeServer : MediaServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
            [.. base.Settings, ("Media:PublicBaseUrl", "https://edge.example/chat/")];
    }

    [Fact]
    public async Task A_download_redirects_to_a_signed_address()
    {
        var bytes = MediaServer.Picture(5_000);
        var file = await server.UploadedAsync(server.Ann, bytes);
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        using var http = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", server.Ann.Access);

        using var answer = await http.GetAsync($"/v1/media/download?file_id={file}");

        Assert.Equal(302, (int)answer.StatusCode);
        var there = answer.Headers.Location!;
        Assert.StartsWith(
            $"https://edge.example/chat/v1/media/content/{file}?expires=", there.AbsoluteUri, StringComparison.Ordinal);
        var path = there.PathAndQuery["/chat".Length..];
        using var fetched = await server.Http.GetAsync(path);
        Assert.Equal(200, (int)fetched.StatusCode);
        Assert.Equal(bytes, await fetched.Content.ReadAsByteArrayAsync());
        Assert.True(fetched.Headers.CacheControl!.Public);

        (await server.GetAsync(path.Replace("signature=", "signature=A", StringComparison.Ordinal)))
            .IsProblem(403, "link_invalid");
        (await server.GetAsync(path.Replace("expires=", "expires=1", StringComparison.Ordinal)))
            .IsProblem(403, "link_invalid");
        (await server.GetAsync($"/v1/media/content/{file}")).IsProblem(403, "link_invalid");
        (await server.GetAsync($"/v1/media/download?file_id={file}", server.Eve.Access)).IsProblem(404, "file_unknown");
    }
}
