namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>A file is deleted with the last message that refers to it.</summary>
public sealed class ExpiredFilesTests(
    ExpiredFilesTests.HastyServer server) : IClassFixture<ExpiredFilesTests.HastyServer>
{
    public sealed class HastyServer : MediaServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
        [
            .. base.Settings, ("Media:UnreferencedAfter", "00:00:01"), ("Media:CollectEvery", "00:00:01"),
            ("Retention:ShortestTimer", "00:00:01"),
            ("Retention:SweepEvery", "00:00:01"),
        ];
    }

    [Fact]
    public async Task The_files_of_a_message_that_has_expired_are_collected_and_others_are_not()
    {
        var direct = new { type = "direct", member_ids = new[] { server.Ben.User } };
        var conversation = (await server.PostAsync("/v1/conversations", direct, server.Ann.Access)).Is(201)
            .Text("conversation_id");
        var (kept, gone) = (MediaServer.Picture(40_001), MediaServer.Picture(40_002));
        var keptFile = await server.UploadedAsync(server.Ann, kept);
        (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = keptFile })).Is(201);
        var timer = new { retention = new { disappearing_seconds = 5 } };
        (await server.PatchAsync($"/v1/conversations/{conversation}", timer, server.Ann.Access)).Is(200);
        var goneFile = await server.UploadedAsync(server.Ann, gone);
        (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = goneFile })).Is(201);
        // This message expires; the earlier one with the same file stays.
        (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = keptFile })).Is(201);
        Assert.Equal(200, await StatusAsync(server.Ben, goneFile));

        await Testing.Eventually.IsTrue(
            async () => await StatusAsync(server.Ben, goneFile) == 404
                && await StatusAsync(server.Ann, goneFile) == 404,
            "the file is collected");
        await Testing.Eventually.IsTrue(
            () => Task.FromResult(Sizes().Count(size => size > 40_000) == 1), "its bytes are gone");
        Assert.Equal(200, await StatusAsync(server.Ben, keptFile));
    }

    private async Task<int> StatusAsync(Accounts.Tokens who, string file)
    {
        using var answer = await server.DownloadAsync(who, file);
        return (int)answer.StatusCode;
    }

    private IEnumerable<long> Sizes() => Directory
        .EnumerateFiles(Path.Combine(server.DataFolder, "media"), "*", SearchOption.AllDirectories)
            .Select(file => new FileInfo(file).Length);
}
