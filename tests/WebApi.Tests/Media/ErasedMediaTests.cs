using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>An erasure deletes the uploads of the user, and of no other user.</summary>
public sealed class ErasedMediaTests(MediaServer server) : IClassFixture<MediaServer>
{
    [Fact]
    public async Task Uploads_go_with_their_owner_and_the_same_bytes_of_another_stay()
    {
        var ann = await server.SignInAsync();
        var (own, shared) = (MediaServer.Picture(30_001), MediaServer.Picture(30_002));
        var sent = await server.UploadedAsync(ann, own);
        (await server.SendFileAsync(ann, server.Ben.User, new { file_id = sent })).Is(201);
        var both = await server.UploadedAsync(ann, shared);
        (await server.SendFileAsync(ann, server.Ben.User, new { file_id = both })).Is(201);
        var bens = await server.UploadedAsync(server.Ben, shared);
        var upload = await server.BeginAsync(ann, 50_000);
        using var part = await server.TusAsync(
            HttpMethod.Patch, upload, ann, MediaServer.Picture(30_003), ("Upload-Offset", "0"));

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        Assert.Equal((404, 404, 200), (await StatusAsync(sent), await StatusAsync(both), await StatusAsync(bens)));
        await Testing.Eventually.IsTrue(
            () => Task.FromResult(Sizes().Count(size => size > 30_000) == 1),
            "only the bytes that Ben has as well are left");
        Assert.Equal(0L, await CountAsync("media_files"));
        Assert.Equal(0L, await CountAsync("media_uploads"));

        async Task<long> CountAsync(string table)
        {
            await using var command = server.Database.CreateCommand(
                $"SELECT count(*) FROM chat.{table} WHERE owner = $1");
            command.Parameters.Add(new() { Value = Guid.Parse(ann.User) });
            return (long)(await command.ExecuteScalarAsync())!;
        }
    }

    private async Task<int> StatusAsync(string file)
    {
        using var answer = await server.DownloadAsync(server.Ben, file);
        return (int)answer.StatusCode;
    }

    private IEnumerable<long> Sizes() => Directory
        .EnumerateFiles(Path.Combine(server.DataFolder, "media"), "*", SearchOption.AllDirectories)
            .Select(file => new FileInfo(file).Length);
}
