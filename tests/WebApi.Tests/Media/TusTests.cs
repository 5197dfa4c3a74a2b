using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>Resumable uploads: the tus protocol 1.0.</summary>
public sealed class TusTests(MediaServer server) : IClassFixture<MediaServer>
{
    [Fact]
    public async Task The_server_says_what_it_can()
    {
        using var answer = await server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Options, "/v1/media/uploads"));

        Assert.Equal(204, (int)answer.StatusCode);
        Assert.Equal("1.0.0", MediaServer.Header(answer, "Tus-Resumable"));
        Assert.Equal("1.0.0", MediaServer.Header(answer, "Tus-Version"));
        Assert.Equal("creation,termination,checksum,expiration", MediaServer.Header(answer, "Tus-Extension"));
        Assert.Equal($"{MediaServer.SizeMax}", MediaServer.Header(answer, "Tus-Max-Size"));
        Assert.Contains("sha1", MediaServer.Header(answer, "Tus-Checksum-Algorithm"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public async Task A_file_comes_in_parts(int parts)
    {
        var bytes = MediaServer.Picture(100_000);
        var upload = await server.BeginAsync(server.Ann, bytes.Length, name: "in parts.png");
        var file = "";
        foreach (var part in bytes.Chunk((bytes.Length / parts) + 1))
        {
            var offset = await OffsetAsync(upload);
            using var answer = await WriteAsync(upload, offset, part);
            Assert.Equal(204, (int)answer.StatusCode);
            Assert.Equal($"{offset + part.Length}", MediaServer.Header(answer, "Upload-Offset"));
            Assert.NotNull(MediaServer.Header(answer, "Upload-Expires"));
            file = MediaServer.Header(answer, "Chat-File-Id");
        }

        using var downloaded = await server.DownloadAsync(server.Ann, file!);
        Assert.Equal(bytes, await downloaded.Content.ReadAsByteArrayAsync());
        Assert.Equal($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))}\"", downloaded.Headers.ETag!.Tag);
        Assert.Equal("in parts.png", downloaded.Content.Headers.ContentDisposition!.FileNameStar);
        using var head = await HeadAsync(upload);
        Assert.Equal(
            (file, $"{bytes.Length}"),
            (MediaServer.Header(head, "Chat-File-Id"), MediaServer.Header(head, "Upload-Length")));
        Assert.True((await server.UploadAsync(server.Ann, bytes)).Is(201)["duplicate"].GetBoolean());
    }

    [Fact]
    public async Task Large_parts_become_durable_piece_by_piece_and_are_read_as_one()
    {
        var bytes = MediaServer.Picture(MediaServer.SizeMax - 100);
        var upload = await server.BeginAsync(server.Ann, bytes.Length);

        using var answer = await WriteAsync(upload, 0, bytes);
        using var across = await server.DownloadAsync(
            server.Ann, MediaServer.Header(answer, "Chat-File-Id")!,
            headers => headers.Range = new(16 * 1024 * 1024 - 5, 16 * 1024 * 1024 + 4));

        Assert.Equal(
            bytes[(16 * 1024 * 1024 - 5)..(16 * 1024 * 1024 + 5)], await across.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Bytes_received_before_a_broken_connection_are_kept()
    {
        var bytes = MediaServer.Picture(300_000);
        var upload = await server.BeginAsync(server.Ann, bytes.Length);

        await BreakOffAsync(upload, bytes, 120_000);

        var offset = 0L;
        await Testing.Eventually.IsTrue(
            async () => (offset = await OffsetAsync(upload)) > 0, "what arrived is durable");
        Assert.Equal(120_000, offset);
        using var rest = await WriteAsync(upload, offset, bytes[(int)offset..]);
        Assert.Equal(204, (int)rest.StatusCode);
        using var downloaded = await server.DownloadAsync(server.Ann, MediaServer.Header(rest, "Chat-File-Id")!);
        Assert.Equal(bytes, await downloaded.Content.ReadAsByteArrayAsync());
        Assert.Equal($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))}\"", downloaded.Headers.ETag!.Tag);
    }

    [Fact]
    public async Task A_wrong_offset_is_a_conflict_and_changes_nothing()
    {
        var bytes = MediaServer.Picture(1_000);
        var upload = await server.BeginAsync(server.Ann, bytes.Length);
        using var first = await WriteAsync(upload, 0, bytes[..500]);

        foreach (var offset in new[] { 0, 499, 501, 1_000_000 })
        {
            using var wrong = await WriteAsync(upload, offset, bytes[500..]);
            await IsProblemAsync(wrong, 409, "upload_offset_mismatch");
        }

        Assert.Equal(500, await OffsetAsync(upload));
    }

    [Fact]
    public async Task A_concurrent_writer_of_an_upload_is_refused()
    {
        var bytes = MediaServer.Picture(1_000);
        var upload = await server.BeginAsync(server.Ann, bytes.Length);
        using var slow = await OpenAsync(upload, bytes, 100);
        await ArrivedAsync(100);

        using var second = await WriteAsync(upload, 0, bytes);

        await IsProblemAsync(second, 423, "upload_locked");

        await slow.GetStream().WriteAsync(bytes.AsMemory(100));
        await Testing.Eventually.IsTrue(
            async () => await OffsetAsync(upload) == bytes.Length, "the first writer is done");
    }

    [Theory]
    [InlineData("sha1")]
    [InlineData("sha256")]
    public async Task A_checksum_is_checked_before_anything_is_kept(string algorithm)
    {
        var bytes = MediaServer.Picture(1_000);
        var upload = await server.BeginAsync(server.Ann, bytes.Length);
        var hash = Convert.ToBase64String(algorithm == "sha1" ? SHA1.HashData(bytes) : SHA256.HashData(bytes));

        using var damaged = await WriteAsync(upload, 0, [.. bytes[..^1], (byte)(bytes[^1] + 1)], $"{algorithm} {hash}");
        await IsProblemAsync(damaged, 460, "checksum_mismatch");
        Assert.Equal(0, await OffsetAsync(upload));
        using var unknown = await WriteAsync(upload, 0, bytes, $"crc7 {hash}");
        await IsProblemAsync(unknown, 400, "invalid");

        using var right = await WriteAsync(upload, 0, bytes, $"{algorithm} {hash}");
        using var downloaded = await server.DownloadAsync(server.Ann, MediaServer.Header(right, "Chat-File-Id")!);
        Assert.Equal(bytes, await downloaded.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task An_upload_can_be_given_up()
    {
        var upload = await server.BeginAsync(server.Ann, 1_000);
        using var first = await WriteAsync(upload, 0, MediaServer.Picture(100));

        using var gone = await server.TusAsync(HttpMethod.Delete, upload, server.Ann);

        Assert.Equal(204, (int)gone.StatusCode);
        using var head = await HeadAsync(upload);
        Assert.Equal(404, (int)head.StatusCode);
        using var more = await WriteAsync(upload, 108, [1]);
        await IsProblemAsync(more, 404, "upload_unknown");
    }

    [Fact]
    public async Task To_others_an_upload_does_not_exist()
    {
        var upload = await server.BeginAsync(server.Ann, 1_000);

        foreach (var method in new[] { HttpMethod.Head, HttpMethod.Delete })
        {
            using var answer = await server.TusAsync(method, upload, server.Eve);
            Assert.Equal(404, (int)answer.StatusCode);
        }

        using var written = await server.TusAsync(HttpMethod.Patch, upload, server.Eve, [1], ("Upload-Offset", "0"));
        await IsProblemAsync(written, 404, "upload_unknown");
    }

    [Fact]
    public async Task Wrong_requests_are_refused()
    {
        var type = $"file_type {MediaServer.Base64("image")}";
        await RefusedAsync(
            412, "tus_version_unknown", ("Tus-Resumable", "0.2.2"), ("Upload-Length", "1"), ("Upload-Metadata", type));
        await RefusedAsync(
            413, "file_too_large", ("Upload-Length", $"{MediaServer.SizeMax + 1}"), ("Upload-Metadata", type));
        foreach (var length in new[] { "", "-1", "1.5", "x", "99999999999999999999" })
            await RefusedAsync(400, "invalid", ("Upload-Length", length), ("Upload-Metadata", type));
        var unknownType = $"file_type {MediaServer.Base64("picture")}";
        foreach (var metadata in new[] { "", "file_type", "file_type ???", unknownType, $"{type},{type}" })
            await RefusedAsync(400, "invalid", ("Upload-Length", "1"), ("Upload-Metadata", metadata));

        var upload = await server.BeginAsync(server.Ann, 10);
        using var json = await server.SendJsonAsync(upload, server.Ann);
        await IsProblemAsync(json, 415, "unsupported_media_type");
        using var nowhere = await server.TusAsync(HttpMethod.Patch, upload, server.Ann, [1]);
        await IsProblemAsync(nowhere, 400, "invalid");
        using var tooMuch = await WriteAsync(upload, 0, new byte[11]);
        await IsProblemAsync(tooMuch, 413, "upload_length_exceeded");
        Assert.Equal(0, await OffsetAsync(upload));

        var text = await server.BeginAsync(server.Ann, 14);
        using var mismatch = await WriteAsync(text, 0, "just some text"u8.ToArray());
        await IsProblemAsync(mismatch, 415, "file_type_mismatch");

        async Task RefusedAsync(int status, string code, params (string, string)[] headers)
        {
            using var answer = await server.TusAsync(HttpMethod.Post, "/v1/media/uploads", server.Ann, null, headers);
            await IsProblemAsync(answer, status, code);
        }
    }

    [Fact]
    public async Task An_empty_file_needs_no_bytes()
    {
        using var answer = await server.TusAsync(
            HttpMethod.Post, "/v1/media/uploads", server.Ann, null, ("Upload-Length", "0"),
            ("Upload-Metadata", $"file_type {MediaServer.Base64("document")}"));

        using var downloaded = await server.DownloadAsync(server.Ann, MediaServer.Header(answer, "Chat-File-Id")!);
        Assert.Equal((200, 0), ((int)downloaded.StatusCode, (await downloaded.Content.ReadAsByteArrayAsync()).Length));
    }

    private Task<HttpResponseMessage> WriteAsync(string upload, long offset, byte[] bytes, string? checksum = null) =>
        server.TusAsync(
            HttpMethod.Patch, upload, server.Ann, bytes,
            checksum is null
                ? [("Upload-Offset", $"{offset}")]
                : [("Upload-Offset", $"{offset}"), ("Upload-Checksum", checksum)]);

    private Task<HttpResponseMessage> HeadAsync(string upload) => server.TusAsync(HttpMethod.Head, upload, server.Ann);

    private async Task<long> OffsetAsync(string upload)
    {
        using var head = await HeadAsync(upload);
        Assert.Equal(200, (int)head.StatusCode);
        Assert.Equal("no-store", head.Headers.CacheControl!.ToString());
        return long.Parse(
            MediaServer.Header(head, "Upload-Offset")!, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Sends the beginning of a PATCH and leaves the connection open.</summary>
    private async Task<TcpClient> OpenAsync(string upload, byte[] bytes, int sent)
    {
        var client = new TcpClient();
        await client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
        var head = $"PATCH {upload} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.Ann.Access}\r\n"
            + "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
            + $"Content-Length: {bytes.Length}\r\n\r\n";
        await client.GetStream().WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. bytes[..sent]]);
        return client;
    }

    /// <summary>
    /// Breaks a connection after the server has read its bytes: the break discards bytes in the socket's buffers.
    /// </summary>
    private async Task BreakOffAsync(string upload, byte[] bytes, int sent)
    {
        using var client = await OpenAsync(upload, bytes, sent);
        await ArrivedAsync(sent);
    }

    private Task ArrivedAsync(int bytes)
    {
        var arriving = new DirectoryInfo(Path.Combine(server.DataFolder, "media", "arriving"));
        return Testing.Eventually.IsTrue(
            () => Task.FromResult(arriving.EnumerateFiles().Any(file => file.Length == bytes)),
            "the server has read it");
    }

    private static async Task IsProblemAsync(HttpResponseMessage answer, int status, string code)
    {
        Assert.Equal(status, (int)answer.StatusCode);
        var problem = JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        Assert.Equal("1.0.0", MediaServer.Header(answer, "Tus-Resumable"));
    }
}

internal static class TusCalls
{
    /// <summary>A PATCH whose content type is JSON.</summary>
    public static async Task<HttpResponseMessage> SendJsonAsync(this MediaServer server, string upload, Tokens who)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, upload)
        {
            Content = new StringContent("{}", Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new("Bearer", who.Access);
        request.Headers.Add("Tus-Resumable", "1.0.0");
        request.Headers.Add("Upload-Offset", "0");
        return await server.Http.SendAsync(request);
    }
}
