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
        Assert.Equal(
            "creation,creation-with-upload,creation-defer-length,concatenation,termination,checksum,expiration",
            MediaServer.Header(answer, "Tus-Extension"));
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
    public async Task An_empty_file_is_refused_when_its_length_is_known()
    {
        using var known = await CreateAsync(null, ("Upload-Length", "0"), Metadata("document"));
        await IsProblemAsync(known, 400, "empty_file");

        using var deferred = await CreateAsync(null, ("Upload-Defer-Length", "1"), Metadata("document"));
        using var later = await server.TusAsync(
            HttpMethod.Patch, PathOf(deferred), server.Ann, [], ("Upload-Offset", "0"), ("Upload-Length", "0"));
        await IsProblemAsync(later, 400, "empty_file");
    }

    [Fact]
    public async Task Metadata_are_shown_as_they_came()
    {
        var (name, type) = (MediaServer.Base64("Ünsichtbar.png"), MediaServer.Base64("image"));
        var metadata = $"filename {name},secret,file_type {type}";
        using var created = await CreateAsync(null, ("Upload-Length", "9"), ("Upload-Metadata", metadata));

        using var head = await HeadAsync(PathOf(created));

        Assert.Equal(metadata, MediaServer.Header(head, "Upload-Metadata"));
        await using var stored = server.Database.CreateCommand(
            "SELECT encode(metadata, 'escape') FROM chat.media_uploads WHERE id = $1");
        stored.Parameters.Add(new() { Value = Guid.Parse(PathOf(created)[^36..]) });
        Assert.DoesNotContain(name, (string)(await stored.ExecuteScalarAsync())!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metadata_have_a_bound() => await IsProblemAsync(
        await CreateAsync(
            null, ("Upload-Length", "9"),
            ("Upload-Metadata", $"file_type {MediaServer.Base64("image")},x {new string('A', 4_096)}")),
        400, "invalid");

    [Fact]
    public async Task The_first_bytes_may_come_with_the_creation()
    {
        var bytes = MediaServer.Picture(1_000_000);
        using var part = await CreateAsync(
            bytes[..700_000], ("Upload-Length", $"{bytes.Length}"), Metadata("image"),
            ("Upload-Checksum", $"sha256 {Convert.ToBase64String(SHA256.HashData(bytes[..700_000]))}"));
        Assert.Equal((201, "700000"), ((int)part.StatusCode, MediaServer.Header(part, "Upload-Offset")));
        using var rest = await WriteAsync(PathOf(part), 700_000, bytes[700_000..]);
        await IsFileAsync(rest, bytes);

        using var all = await CreateAsync(bytes, ("Upload-Length", $"{bytes.Length}"), Metadata("image"));
        Assert.Equal(
            (201, $"{bytes.Length}"), ((int)all.StatusCode, MediaServer.Header(all, "Upload-Offset")));
        await IsFileAsync(all, bytes);
    }

    [Fact]
    public async Task What_comes_with_a_creation_that_is_refused_leaves_no_upload()
    {
        var before = await UploadsAsync();

        using var excess = await CreateAsync(new byte[11], ("Upload-Length", "10"), Metadata("document"));
        await IsProblemAsync(excess, 413, "upload_length_exceeded");
        using var damaged = await CreateAsync(
            new byte[10], ("Upload-Length", "10"), Metadata("document"),
            ("Upload-Checksum", $"sha1 {Convert.ToBase64String(new byte[20])}"));
        await IsProblemAsync(damaged, 460, "checksum_mismatch");
        using var mismatch = await CreateAsync(
            "just some text"u8.ToArray(), ("Upload-Length", "14"), Metadata("image"));
        await IsProblemAsync(mismatch, 415, "file_type_mismatch");
        using var json = new HttpRequestMessage(HttpMethod.Post, "/v1/media/uploads")
        {
            Content = new StringContent("{}", Encoding.UTF8, "application/json"),
        };
        json.Headers.Authorization = new("Bearer", server.Ann.Access);
        json.Headers.Add("Tus-Resumable", "1.0.0");
        json.Headers.Add("Upload-Length", "2");
        json.Headers.Add("Upload-Metadata", Metadata("document").Value);
        using var notBytes = await server.Http.SendAsync(json);
        await IsProblemAsync(notBytes, 415, "unsupported_media_type");

        Assert.Equal(before, await UploadsAsync());
    }

    [Fact]
    public async Task The_length_may_be_told_later_and_only_once()
    {
        var bytes = MediaServer.Picture(1_000);
        using var created = await CreateAsync(null, ("Upload-Defer-Length", "1"), Metadata("image"));
        var upload = PathOf(created);
        using var first = await WriteAsync(upload, 0, bytes[..500]);
        Assert.Equal((204, "500"), ((int)first.StatusCode, MediaServer.Header(first, "Upload-Offset")));
        using var unknown = await HeadAsync(upload);
        Assert.Equal(
            ("500", "1", null),
            (MediaServer.Header(unknown, "Upload-Offset"), MediaServer.Header(unknown, "Upload-Defer-Length"),
                MediaServer.Header(unknown, "Upload-Length")));

        foreach (var (length, status, code) in new[]
        {
            ("499", 400, "invalid"), ("x", 400, "invalid"), ($"{MediaServer.SizeMax + 1}", 413, "file_too_large"),
        })
        {
            using var wrong = await WriteAsync(upload, 500, [], null, ("Upload-Length", length));
            await IsProblemAsync(wrong, status, code);
        }

        using var told = await WriteAsync(upload, 500, bytes[500..600], null, ("Upload-Length", $"{bytes.Length}"));
        Assert.Equal(204, (int)told.StatusCode);
        using var known = await HeadAsync(upload);
        Assert.Equal(
            (null, $"{bytes.Length}"),
            (MediaServer.Header(known, "Upload-Defer-Length"), MediaServer.Header(known, "Upload-Length")));
        using var changed = await WriteAsync(upload, 600, [], null, ("Upload-Length", "1001"));
        await IsProblemAsync(changed, 400, "invalid");
        using var excess = await WriteAsync(upload, 600, new byte[bytes.Length]);
        await IsProblemAsync(excess, 413, "upload_length_exceeded");
        using var last = await WriteAsync(upload, 600, bytes[600..], null, ("Upload-Length", $"{bytes.Length}"));
        await IsFileAsync(last, bytes);
    }

    [Fact]
    public async Task A_length_that_is_told_with_nothing_more_completes_the_upload()
    {
        var bytes = MediaServer.Picture(1_000);
        using var created = await CreateAsync(null, ("Upload-Defer-Length", "1"), Metadata("image"));
        using var all = await WriteAsync(PathOf(created), 0, bytes);
        Assert.Null(MediaServer.Header(all, "Chat-File-Id"));

        using var told = await WriteAsync(
            PathOf(created), bytes.Length, [], null, ("Upload-Length", $"{bytes.Length}"));

        await IsFileAsync(told, bytes);
    }

    [Fact]
    public async Task A_file_is_put_together_of_partial_uploads_in_the_order_named()
    {
        var bytes = MediaServer.Picture(200_000);
        var (second, first) = (await PartialAsync(bytes[90_000..]), await PartialAsync(bytes[..90_000]));
        var concat = $"final;{first} {new Uri(server.Http.BaseAddress!, second)}";

        using var final = await CreateAsync(null, ("Upload-Concat", concat), Metadata("image"));

        Assert.Equal(201, (int)final.StatusCode);
        await IsFileAsync(final, bytes);
        using var head = await HeadAsync(PathOf(final));
        Assert.Equal(
            ($"{bytes.Length}", $"{bytes.Length}", concat),
            (MediaServer.Header(head, "Upload-Offset"), MediaServer.Header(head, "Upload-Length"),
                MediaServer.Header(head, "Upload-Concat")));
        using var written = await WriteAsync(PathOf(final), bytes.Length, [1]);
        await IsProblemAsync(written, 403, "upload_final");

        // The answer may be lost: the same again is the same.
        using var again = await CreateAsync(null, ("Upload-Concat", concat), Metadata("image"));
        Assert.Equal(
            (201, PathOf(final), MediaServer.Header(final, "Chat-File-Id")),
            ((int)again.StatusCode, PathOf(again), MediaServer.Header(again, "Chat-File-Id")));
        using var part = await HeadAsync(first);
        Assert.Equal(404, (int)part.StatusCode);
    }

    [Fact]
    public async Task Only_complete_partial_uploads_of_ones_own_are_put_together()
    {
        var part = await PartialAsync(MediaServer.Picture(1_000));
        using var begun = await CreateAsync(null, ("Upload-Concat", "partial"), ("Upload-Length", "10"));
        using var head = await HeadAsync(PathOf(begun));
        Assert.Equal(
            ("partial", "0"), (MediaServer.Header(head, "Upload-Concat"), MediaServer.Header(head, "Upload-Offset")));
        var whole = await server.BeginAsync(server.Ann, 10);
        var others = await server.TusAsync(
            HttpMethod.Post, "/v1/media/uploads", server.Eve, new byte[3], ("Upload-Concat", "partial"),
            ("Upload-Length", "3"));

        foreach (var (concat, status, code) in new[]
        {
            ($"final;{part} {PathOf(begun)}", 409, "upload_unfinished"), ($"final;{part} {whole}", 400, "invalid"),
            ($"final;{part} {part}", 400, "invalid"), ($"final;{PathOf(others)}", 404, "upload_unknown"),
            ($"final;/v1/media/uploads/{Guid.NewGuid()}", 404, "upload_unknown"),
            ("final;", 400, "invalid"), ("final", 400, "invalid"), ("both", 400, "invalid"),
        })
        {
            using var refused = await CreateAsync(null, ("Upload-Concat", concat), Metadata("image"));
            await IsProblemAsync(refused, status, code);
        }

        using var withLength = await CreateAsync(
            null, ("Upload-Concat", $"final;{part}"), ("Upload-Length", "9"), Metadata("image"));
        await IsProblemAsync(withLength, 400, "invalid");
        using var mismatch = await CreateAsync(null, ("Upload-Concat", $"final;{part}"), Metadata("video"));
        await IsProblemAsync(mismatch, 415, "file_type_mismatch");
    }

    [Fact]
    public async Task The_method_may_be_named_by_a_header()
    {
        var bytes = MediaServer.Picture(100);
        var upload = await server.BeginAsync(server.Ann, bytes.Length);

        using var written = await server.TusAsync(
            HttpMethod.Post, upload, server.Ann, bytes, ("Upload-Offset", "0"), ("X-HTTP-Method-Override", "PATCH"));
        Assert.Equal(204, (int)written.StatusCode);
        using var ended = await server.TusAsync(
            HttpMethod.Post, upload, server.Ann, null, ("X-HTTP-Method-Override", "DELETE"));
        Assert.Equal(204, (int)ended.StatusCode);
    }

    [Fact]
    public async Task Every_answer_names_the_version()
    {
        using var unauthenticated = await server.TusAsync(
            HttpMethod.Head, $"/v1/media/uploads/{Guid.NewGuid()}", server.Ann with { Access = "rubbish" });
        using var notAllowed = await server.TusAsync(HttpMethod.Put, "/v1/media/uploads", server.Ann);

        Assert.Equal((401, 405), ((int)unauthenticated.StatusCode, (int)notAllowed.StatusCode));
        Assert.All(
            [unauthenticated, notAllowed],
            answer => Assert.Equal("1.0.0", MediaServer.Header(answer, "Tus-Resumable")));
    }

    [Fact]
    public async Task However_small_the_requests_are_the_parts_are_not()
    {
        var bytes = MediaServer.Picture(150_000);
        var upload = await server.BeginAsync(server.Ann, bytes.Length);
        var offset = 0;
        foreach (var part in new[] { 1, 1, 3, 65_530, 1, 1, 30_000 })
        {
            using var written = await WriteAsync(upload, offset, bytes[offset..(offset + part)]);
            Assert.Equal(204, (int)written.StatusCode);
            offset += part;
            Assert.InRange(await PartsAsync(upload), 1, (offset / 65_536) + 1);
        }

        using var nothing = await WriteAsync(upload, offset, []);
        Assert.Equal((204, $"{offset}"), ((int)nothing.StatusCode, MediaServer.Header(nothing, "Upload-Offset")));
        using var damaged = await WriteAsync(
            upload, offset, bytes[offset..], $"sha1 {Convert.ToBase64String(new byte[20])}");
        await IsProblemAsync(damaged, 460, "checksum_mismatch");
        using var last = await WriteAsync(
            upload, offset, bytes[offset..], $"sha1 {Convert.ToBase64String(SHA1.HashData(bytes.AsSpan(offset)))}");

        await IsFileAsync(last, bytes);
        await Testing.Eventually.IsTrue(
            async () => await GarbageAsync() == 0, "bytes that were stored anew or refused are deleted at once");
    }

    private static (string Name, string Value) Metadata(string type) =>
        ("Upload-Metadata", $"file_type {MediaServer.Base64(type)}");

    private static string PathOf(HttpResponseMessage created) => created.Headers.Location!.OriginalString;

    private Task<HttpResponseMessage> CreateAsync(byte[]? body, params (string, string)[] headers) =>
        server.TusAsync(HttpMethod.Post, "/v1/media/uploads", server.Ann, body, headers);

    private async Task<string> PartialAsync(byte[] bytes)
    {
        using var created = await CreateAsync(
            bytes, ("Upload-Concat", "partial"), ("Upload-Length", $"{bytes.Length}"));
        Assert.Equal(201, (int)created.StatusCode);
        Assert.Null(MediaServer.Header(created, "Chat-File-Id"));
        return PathOf(created);
    }

    private async Task IsFileAsync(HttpResponseMessage answer, byte[] bytes)
    {
        using var downloaded = await server.DownloadAsync(server.Ann, MediaServer.Header(answer, "Chat-File-Id")!);
        Assert.Equal(bytes, await downloaded.Content.ReadAsByteArrayAsync());
        Assert.Equal($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))}\"", downloaded.Headers.ETag!.Tag);
    }

    private Task<long> UploadsAsync() => CountAsync("SELECT count(*) FROM chat.media_uploads");

    private Task<long> GarbageAsync() => CountAsync("SELECT count(*) FROM chat.media_garbage");

    private Task<long> PartsAsync(string upload) =>
        CountAsync($"SELECT count(*) FROM chat.media_parts WHERE upload_id = '{upload[^36..]}'");

    private async Task<long> CountAsync(string sql)
    {
        await using var command = server.Database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private Task<HttpResponseMessage> WriteAsync(
        string upload, long offset, byte[] bytes, string? checksum = null, params (string, string)[] headers) =>
        server.TusAsync(
            HttpMethod.Patch, upload, server.Ann, bytes,
            checksum is null
                ? [("Upload-Offset", $"{offset}"), .. headers]
                : [("Upload-Offset", $"{offset}"), ("Upload-Checksum", checksum), .. headers]);

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
