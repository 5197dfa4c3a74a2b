namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>The clock deletes files and uploads that are no longer needed, and no others.</summary>
public sealed class CollectionTests(CollectionTests.TidyServer server) : IClassFixture<CollectionTests.TidyServer>
{
    public sealed class TidyServer : MediaServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
        [
            .. base.Settings, ("Media:UnreferencedAfter", "00:00:02"), ("Media:UploadExpiry", "00:00:02"),
            ("Media:CollectEvery", "00:00:01"), ("Retention:ShortestTimer", "00:00:01"),
            ("Retention:SweepEvery", "00:00:01"),
        ];
    }

    [Fact]
    public async Task Files_that_no_message_refers_to_go_and_those_that_were_sent_stay()
    {
        var (kept, lost) = (MediaServer.Picture(40_001), MediaServer.Picture(40_002));
        var sent = await server.UploadedAsync(server.Ann, kept);
        (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = sent })).Is(201);
        var others = await server.UploadedAsync(server.Eve, kept);
        var unsent = await server.UploadedAsync(server.Ann, lost);
        var upload = await server.BeginAsync(server.Ann, 50_000);
        using var part = await server.TusAsync(
            HttpMethod.Patch, upload, server.Ann, MediaServer.Picture(40_003), ("Upload-Offset", "0"));

        await Testing.Eventually.IsTrue(
            async () => await StatusAsync(unsent) == 404 && await StatusAsync(others) == 404,
            "unreferenced files are collected");
        await Testing.Eventually.IsTrue(
            () => Task.FromResult(Sizes().Count(size => size > 40_000) == 1),
            "their bytes and those of the unfinished upload are gone");

        using var head = await server.TusAsync(HttpMethod.Head, upload, server.Ann);
        Assert.Equal(404, (int)head.StatusCode);
        using var downloaded = await server.DownloadAsync(server.Ben, sent);
        Assert.Equal(kept, await downloaded.Content.ReadAsByteArrayAsync());

        // An upload of collected bytes is no duplicate.
        Assert.False((await server.UploadAsync(server.Ann, lost)).Is(201)["duplicate"].GetBoolean());
    }

    [Fact]
    public async Task Files_go_with_the_last_message_that_refers_to_them_deleted_or_expired()
    {
        var (deleted, expired, twice) = (
            await server.UploadedAsync(server.Ann, MediaServer.Picture()),
            await server.UploadedAsync(server.Ann, MediaServer.Picture()),
            await server.UploadedAsync(server.Ann, MediaServer.Picture()));
        var eve = server.Eve.User;
        var first = (await server.SendFileAsync(server.Ann, eve, new { file_id = deleted })).Is(201);
        var conversation = first.Text("conversation_id");
        var again = (await server.SendFileAsync(server.Ann, eve, new { file_id = twice })).Is(201);
        (await server.SendFileAsync(server.Ann, eve, new { file_id = twice })).Is(201);
        foreach (var message in new[] { first, again })
            (await server.DeleteAsync(
                $"/v1/conversations/{conversation}/messages/{message.Text("message_id")}", server.Ann.Access)).Is(204);
        var timer = new { retention = new { disappearing_seconds = 1 } };
        (await server.PatchAsync($"/v1/conversations/{conversation}", timer, server.Ann.Access)).Is(200);
        (await server.SendFileAsync(server.Ann, eve, new { file_id = expired })).Is(201);

        await Testing.Eventually.IsTrue(
            async () => await StatusAsync(deleted) == 404 && await StatusAsync(expired) == 404,
            "files of messages that are gone are collected");
        Assert.Equal(200, await StatusAsync(twice));
    }

    private async Task<int> StatusAsync(string file)
    {
        using var asAnn = await server.DownloadAsync(server.Ann, file);
        using var asEve = await server.DownloadAsync(server.Eve, file);
        return Math.Min((int)asAnn.StatusCode, (int)asEve.StatusCode);
    }

    private IEnumerable<long> Sizes() => Directory
        .EnumerateFiles(Path.Combine(server.DataFolder, "media"), "*", SearchOption.AllDirectories)
            .Select(file => new FileInfo(file).Length);
}
