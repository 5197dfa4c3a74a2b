using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>A user's files and unfinished uploads are bounded in number and bytes, however they come.</summary>
public sealed class QuotaTests(QuotaTests.ThriftyServer server) : IClassFixture<QuotaTests.ThriftyServer>
{
    private const int BytesMax = 3_000_000, FilesMax = 30, UnsentBytesMax = 1_000_000, UnsentFilesMax = 5;
    private const int UnfinishedMax = 3;

    public sealed class ThriftyServer : MediaServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
        [
            .. base.Settings, ("Media:UserBytesMax", $"{BytesMax}"), ("Media:UserFilesMax", $"{FilesMax}"),
            ("Media:UnreferencedBytesMax", $"{UnsentBytesMax}"), ("Media:UnreferencedFilesMax", $"{UnsentFilesMax}"),
            ("Media:UnfinishedMax", $"{UnfinishedMax}"),
        ];
    }

    [Fact]
    public async Task Concurrent_uploads_do_not_pass_the_bytes()
    {
        var ann = await server.SignInAsync();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => server.UploadAsync(ann, MediaServer.Picture(300_000))));

        Assert.Equal(3, answers.Count(answer => answer.Status == 201));
        Assert.All(
            answers.Where(answer => answer.Status != 201), answer => answer.IsProblem(413, "media_quota_exceeded"));
        (await server.UploadAsync(ann, MediaServer.Picture(99_969))).IsProblem(413, "media_quota_exceeded");
        (await server.UploadAsync(ann, MediaServer.Picture(99_968))).Is(201); // It fits exactly.
    }

    [Fact]
    public async Task Concurrent_uploads_do_not_pass_the_files()
    {
        var ann = await server.SignInAsync();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 12).Select(_ => server.UploadAsync(ann, MediaServer.Picture())));

        Assert.Equal(UnsentFilesMax, answers.Count(answer => answer.Status == 201));
        Assert.All(
            answers.Where(answer => answer.Status != 201), answer => answer.IsProblem(413, "media_quota_exceeded"));
    }

    [Fact]
    public async Task The_same_bytes_again_count_once()
    {
        var ann = await server.SignInAsync();
        var bytes = MediaServer.Picture(400_000);

        for (var i = 0; i < 8; i++)
            Assert.Equal(i > 0, (await server.UploadAsync(ann, bytes)).Is(201)["duplicate"].GetBoolean());
    }

    [Fact]
    public async Task Sent_files_leave_the_closer_bound_and_count_to_the_wider_one()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync());
        for (var i = 0; i < 4; i++)
        {
            var file = await server.UploadedAsync(ann, MediaServer.Picture(700_000));
            (await server.SendFileAsync(ann, ben.User, new { file_id = file })).Is(201);
            await Testing.Eventually.IsTrue(() => IsReferredToAsync(file), "the views show the message");
        }

        (await server.UploadAsync(ann, MediaServer.Picture(700_000))).IsProblem(413, "media_quota_exceeded");
        (await server.UploadAsync(ann, MediaServer.Picture(150_000))).Is(201);
    }

    [Fact]
    public async Task Announced_bytes_count_and_are_given_back()
    {
        var ann = await server.SignInAsync();
        var upload = await server.BeginAsync(ann, 600_000);
        using var beyond = await BeginAsync(ann, ("Upload-Length", "600000"));
        Assert.Equal(413, (int)beyond.StatusCode);
        (await server.UploadAsync(ann, MediaServer.Picture(600_000))).IsProblem(413, "media_quota_exceeded");

        using var ended = await server.TusAsync(HttpMethod.Delete, upload, ann);

        (await server.UploadAsync(ann, MediaServer.Picture(600_000))).Is(201);
    }

    [Fact]
    public async Task An_upload_of_unknown_length_counts_what_has_arrived()
    {
        var ann = await server.SignInAsync();
        using var created = await BeginAsync(ann, ("Upload-Defer-Length", "1"));
        var upload = created.Headers.Location!.OriginalString;
        using var first = await server.TusAsync(
            HttpMethod.Patch, upload, ann, MediaServer.Picture(600_000), ("Upload-Offset", "0"));
        Assert.Equal(204, (int)first.StatusCode);
        var offset = MediaServer.Header(first, "Upload-Offset")!;

        (await server.UploadAsync(ann, MediaServer.Picture(600_000))).IsProblem(413, "media_quota_exceeded");
        using var beyond = await server.TusAsync(
            HttpMethod.Patch, upload, ann, new byte[500_000], ("Upload-Offset", offset));
        Assert.Equal(413, (int)beyond.StatusCode);
        using var told = await server.TusAsync(
            HttpMethod.Patch, upload, ann, [], ("Upload-Offset", offset), ("Upload-Length", "1100000"));
        Assert.Equal(413, (int)told.StatusCode);
        (await server.UploadAsync(ann, MediaServer.Picture(300_000))).Is(201);
    }

    [Fact]
    public async Task A_form_of_unknown_size_does_not_pass_the_bytes()
    {
        var ann = await server.SignInAsync();
        using var form = new MultipartFormDataContent
        {
            { new StringContent("image"), "file_type" },
            { new ByteArrayContent(MediaServer.Picture(UnsentBytesMax)), "file", "a.png" },
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/media") { Content = form };
        request.Headers.Authorization = new("Bearer", ann.Access);
        request.Headers.TransferEncodingChunked = true;

        using var answer = await server.Http.SendAsync(request);

        Assert.Equal(413, (int)answer.StatusCode);
        Assert.Contains("media_quota_exceeded", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Concurrent_creations_do_not_pass_the_number_of_unfinished_uploads()
    {
        var ann = await server.SignInAsync();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => BeginAsync(ann, ("Upload-Length", "1000"))));

        Assert.Equal(UnfinishedMax, answers.Count(answer => (int)answer.StatusCode == 201));
        Assert.All(answers, answer => Assert.Contains((int)answer.StatusCode, new[] { 201, 429 }));
    }

    private Task<HttpResponseMessage> BeginAsync(Tokens who, (string, string) length) => server.TusAsync(
        HttpMethod.Post, "/v1/media/uploads", who, null, length,
        ("Upload-Metadata", $"file_type {MediaServer.Base64("image")}"));

    private async Task<bool> IsReferredToAsync(string file)
    {
        await using var command = server.Database.CreateCommand(
            "SELECT EXISTS (SELECT FROM chat.media_references WHERE file_id = $1)");
        command.Parameters.Add(new() { Value = Guid.Parse(file) });
        return await command.ExecuteScalarAsync() is true;
    }
}
