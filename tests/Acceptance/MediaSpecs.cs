using System.Net;
using System.Net.Http.Headers;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>Uploads and downloads: only recipients can open a file.</summary>
public sealed class MediaSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task Only_the_uploader_and_recipients_can_download_a_file()
    {
        var (ada, bob) = await product.PairAsync();
        var eve = await product.RegisterAsync("Eve");
        using var adas = new Media(ada);
        using var bobs = new Media(bob);
        using var eves = new Media(eve);
        var picture = Media.Picture();

        var file = await adas.UploadAsync(picture);
        Assert.Equal(
            (Media.Sha256(picture), picture.Length, "image/png", false),
            (file.Sha256, file.Size, file.ContentType, file.Duplicate));
        Assert.Equal(picture, await adas.BytesAsync(file.FileId));
        await bobs.IsHiddenAsync(file.FileId);

        await adas.SendAsync(bob, file.FileId);
        Assert.Equal(picture, await bobs.BytesAsync(file.FileId));
        await eves.IsHiddenAsync(file.FileId);
        (await eve.GetAsync($"/v1/media/download?file_id={file.FileId}&user_id={bob.Id}")).Expect(403);
    }

    [Fact]
    public async Task Downloads_support_ranges_and_entity_tags()
    {
        var ada = await product.RegisterAsync();
        using var media = new Media(ada);
        var picture = Media.Picture();
        var file = await media.UploadAsync(picture);

        using var part = await media.DownloadAsync(
            file.FileId, headers => headers.Range = new RangeHeaderValue(10, 19));
        Assert.Equal(
            (HttpStatusCode.PartialContent, $"bytes 10-19/{picture.Length}"),
            (part.StatusCode, part.Content.Headers.ContentRange!.ToString()));
        Assert.Equal(picture[10..20], await part.Content.ReadAsByteArrayAsync());
        using var had = await media.DownloadAsync(
            file.FileId, headers => headers.IfNoneMatch.Add(new EntityTagHeaderValue($"\"{file.Sha256}\"")));
        Assert.Equal(HttpStatusCode.NotModified, had.StatusCode);
        using var whole = await media.DownloadAsync(file.FileId);
        Assert.Equal($"\"{file.Sha256}\"", whole.Headers.ETag!.Tag);
        Assert.Contains("immutable", whole.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        Assert.Equal("attachment", whole.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Equal("nosniff", Media.Header(whole, "X-Content-Type-Options"));
    }

    [Fact]
    public async Task Only_the_same_uploader_is_told_of_a_duplicate()
    {
        var (ada, bob) = await product.PairAsync();
        using var adas = new Media(ada);
        using var bobs = new Media(bob);
        var picture = Media.Picture();

        Assert.False((await adas.UploadAsync(picture)).Duplicate);
        Assert.True((await adas.UploadAsync(picture)).Duplicate);
        Assert.False((await bobs.UploadAsync(picture)).Duplicate);
    }

    [Fact]
    public async Task The_type_of_an_upload_is_checked_against_its_bytes()
    {
        var ada = await product.RegisterAsync();
        using var media = new Media(ada);

        (await media.PostAsync("%PDF-1.7 is no picture"u8.ToArray())).Expect(400, 415);
        (await media.PostAsync(Media.Picture(), "picture")).Expect(400);
        Assert.Equal("application/octet-stream", (await media.UploadAsync([0, .. Media.Picture()])).ContentType);
    }

    [Fact]
    public async Task An_upload_resumes_at_its_offset()
    {
        var ada = await product.RegisterAsync();
        using var media = new Media(ada);
        var picture = Media.Picture(200_000);
        var upload = await media.BeginAsync(picture.Length);

        Guid? file = null;
        while (file is null)
        {
            var offset = (int)await media.OffsetAsync(upload);
            using var wrong = await media.WriteAsync(upload, offset + 1, new ByteArrayContent([1]));
            Assert.Equal(HttpStatusCode.Conflict, wrong.StatusCode);
            using var answer = await media.WriteAsync(
                upload, offset, new ByteArrayContent(picture[offset..Math.Min(offset + 70_000, picture.Length)]));
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
            file = Media.Header(answer, "Chat-File-Id") is { } id ? Guid.Parse(id) : null;
        }

        Assert.Equal(picture, await media.BytesAsync(file.Value));
    }
}

/// <summary>The server is killed during an upload; every byte it acknowledged is still there.</summary>
public sealed class MediaKilledSpecs
{
    [OwnServerFact]
    public async Task A_killed_upload_resumes_at_its_last_durable_byte()
    {
        const int stop = 24_000_000;
        await using var deployment = await Deployment.CreateAsync();
        await using var server = await ServerProcess.StartAsync(deployment);
        var ada = await Person.RegisterAsync(server.Api);
        using var media = new Media(ada);
        var (small, large) = (Media.Picture(), Media.Picture(32_000_000));
        var file = await media.UploadAsync(small);
        var upload = await media.BeginAsync(large.Length);

        using var body = new StuckContent(large, stop);
        var cut = media.WriteAsync(upload, 0, body);
        await Eventually.BeAsync(() => HasPiece(deployment), "the first piece is stored");
        await server.KillAsync();
        body.GoOn();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => cut);
        await server.StartAsync();

        Assert.Equal(small, await media.BytesAsync(file.FileId));
        var offset = (int)await media.OffsetAsync(upload);
        Assert.InRange(offset, 0, stop);
        using var rest = await media.WriteAsync(upload, offset, new ByteArrayContent(large[offset..]));
        var id = Guid.Parse(Media.Header(rest, "Chat-File-Id")!);
        Assert.Equal(Media.Sha256(large), Media.Sha256(await media.BytesAsync(id)));
    }

    /// <summary>Whether a first piece is durable. Pieces named "arriving" are not.</summary>
    private static bool HasPiece(Deployment deployment) => Directory
        .EnumerateFiles(Path.Combine(deployment.DataFolder, "media"), "*", SearchOption.AllDirectories)
        .Any(file => !file.Contains("arriving", StringComparison.Ordinal) && new FileInfo(file).Length > 1_000_000);
}
