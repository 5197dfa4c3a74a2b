using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>Uploads in one request are validated, and tell other users nothing.</summary>
public sealed class UploadTests(MediaServer server) : IClassFixture<MediaServer>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_is_taken_typed_and_hashed_in_whichever_order_the_form_is(bool typeFirst)
    {
        var bytes = MediaServer.Picture();

        var answer = (await server.UploadAsync(server.Ann, bytes, typeFirst: typeFirst)).Is(201);

        Assert.Equal(
            ["file_id", "sha256", "size", "content_type", "duplicate"],
            answer.Body.EnumerateObject().Select(member => member.Name));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), answer.Text("sha256"));
        Assert.Equal(
            (bytes.Length, "image/png", false),
            (answer["size"].GetInt32(), answer.Text("content_type"), answer["duplicate"].GetBoolean()));
        Assert.True(answer.Headers.Contains("Chat-Position"));
    }

    [Fact]
    public async Task A_duplicate_is_one_only_to_who_uploaded_it_before()
    {
        var bytes = MediaServer.Picture();
        var first = (await server.UploadAsync(server.Ann, bytes)).Is(201);
        var again = (await server.UploadAsync(server.Ann, bytes)).Is(201);
        var others = (await server.UploadAsync(server.Ben, bytes)).Is(201);
        var othersAgain = (await server.UploadAsync(server.Ben, bytes)).Is(201);

        Assert.Equal(
            [false, true, false, true],
            new[] { first, again, others, othersAgain }.Select(answer => answer["duplicate"].GetBoolean()));
        Assert.Equal(first.Text("file_id"), again.Text("file_id"));
        Assert.NotEqual(first.Text("file_id"), others.Text("file_id"));
        Assert.Equal(404, (int)(await server.DownloadAsync(server.Ben, first.Text("file_id"))).StatusCode);
    }

    [Fact]
    public async Task The_same_bytes_are_stored_once()
    {
        var bytes = MediaServer.Picture(50_000);
        foreach (var who in new[] { server.Ann, server.Ann, server.Ben, server.Eve })
            await server.UploadedAsync(who, bytes);

        await Testing.Eventually.IsTrue(
            () => Task.FromResult(StoredFiles().Count(file => new FileInfo(file).Length == bytes.Length) == 1),
            "the same bytes are stored once");
    }

    [Fact]
    public async Task Bytes_that_say_nothing_are_welcome_as_everything()
    {
        var bytes = new byte[1_000];
        Random.Shared.NextBytes(bytes.AsSpan(1));

        foreach (var type in new[] { "image", "video", "audio", "document" })
            Assert.Equal(
                "application/octet-stream",
                (await server.UploadAsync(server.Ann, bytes, type)).Is(201).Text("content_type"));
    }

    [Theory]
    [InlineData("image", "%PDF-1.7 and so on")]
    [InlineData("image", "just some text")]
    [InlineData("image", "<svg xmlns='http://www.w3.org/2000/svg'/>")]
    [InlineData("video", "<!DOCTYPE html><script>alert(1)</script>")]
    [InlineData("audio", "GIF89a-----------------")]
    public async Task Bytes_of_another_kind_are_refused(string type, string text) =>
        (await server.UploadAsync(server.Ann, Encoding.UTF8.GetBytes(text), type)).IsProblem(415, "file_type_mismatch");

    [Fact]
    public async Task What_a_client_encrypted_is_not_looked_into() => Assert.Equal(
        "application/octet-stream",
        (await server.UploadAsync(server.Ann, "<!DOCTYPE html>"u8.ToArray(), "encrypted")).Is(201)
            .Text("content_type"));

    [Fact]
    public async Task An_empty_file_is_refused() =>
        (await server.UploadAsync(server.Ann, [], "document")).IsProblem(400, "empty_file");

    [Theory]
    [InlineData("bogus", false)]
    [InlineData(null, false)]
    [InlineData("video", false)]
    [InlineData("video", true)]
    public async Task Refused_bytes_are_deleted_at_once(string? type, bool typeFirst)
    {
        var bytes = MediaServer.Picture(77_777);

        Assert.InRange((await server.UploadAsync(server.Ann, bytes, type, typeFirst: typeFirst)).Status, 400, 415);

        await Testing.Eventually.IsTrue(
            () => Task.FromResult(StoredFiles().All(file => new FileInfo(file).Length != bytes.Length)),
            "the refused bytes are gone");
        Assert.Equal(0, await ReservedAsync());
    }

    [Theory]
    [InlineData("file_type", "bogus", 400)]
    [InlineData("user_id", "0198c2a4-7f00-7000-8000-0000000000a1", 403)]
    public async Task A_wrong_field_before_the_file_is_refused_before_the_file_arrives(
        string field, string value, int status)
    {
        // The body never ends.
        var form = $"--x\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n--x\r\n"
            + "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nthe first byte";
        var head = $"POST /v1/media HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.Ann.Access}\r\n"
            + $"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000\r\n\r\n{form}";
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(head));

        using var reader = new StreamReader(client.GetStream());
        var line = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.StartsWith($"HTTP/1.1 {status} ", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_that_breaks_off_leaves_no_bytes()
    {
        var cut = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nwhole\r\n--x\r\nhalf";

        (await server.PostAsync("/v1/media", Raw(cut, "multipart/form-data; boundary=x"), server.Ann.Access))
            .IsProblem(400, "malformed_request");

        await Testing.Eventually.IsTrue(async () => await ReservedAsync() == 0, "the bytes are gone");
    }

    [Fact]
    public async Task Everything_is_a_document() => Assert.Equal(
        "text/plain", (await server.UploadAsync(server.Ann, "just some text"u8.ToArray(), "document", "a.txt")).Is(201)
            .Text("content_type"));

    [Fact]
    public async Task A_file_that_is_too_large_is_refused_and_leaves_nothing()
    {
        (await server.UploadAsync(server.Ann, MediaServer.Picture(MediaServer.SizeMax)))
            .IsProblem(413, "file_too_large");
        (await server.UploadAsync(server.Ann, MediaServer.Picture(MediaServer.SizeMax + 1_000_000)))
            .IsProblem(413, "file_too_large");
    }

    [Fact]
    public async Task A_form_that_is_wrong_is_refused()
    {
        (await server.UploadAsync(server.Ann, MediaServer.Picture(), "picture")).IsInvalid("file_type");
        (await server.UploadAsync(server.Ann, MediaServer.Picture(), null)).IsInvalid("file_type");
        using (var form = new MultipartFormDataContent { { new StringContent("image"), "file_type" } })
            (await server.PostAsync("/v1/media", form, server.Ann.Access)).IsInvalid("file");
        (await server.PostAsync("/v1/media", new { file_type = "image" }, server.Ann.Access))
            .IsProblem(415, "unsupported_media_type");
        (await server.PostAsync(
            "/v1/media", Raw("no form at all", "multipart/form-data; boundary=x"), server.Ann.Access))
            .IsProblem(400, "malformed_request");
        (await server.PostAsync("/v1/media", Raw("no form at all", "multipart/form-data"), server.Ann.Access))
            .IsProblem(400, "malformed_request");
        var cut = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhalf of it";
        (await server.PostAsync("/v1/media", Raw(cut, "multipart/form-data; boundary=x"), server.Ann.Access))
            .IsProblem(400, "malformed_request");
        (await server.UploadAsync(server.Ann with { Access = "rubbish" }, MediaServer.Picture()))
            .IsProblem(401, "token_invalid");
    }

    private static ByteArrayContent Raw(string body, string type) =>
        new(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };

    private async Task<long> ReservedAsync()
    {
        await using var command = server.Database.CreateCommand(
            "SELECT count(*) FROM chat.media_garbage WHERE due > now()");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private IEnumerable<string> StoredFiles() =>
        Directory.EnumerateFiles(Path.Combine(server.DataFolder, "media"), "*", SearchOption.AllDirectories);
}
