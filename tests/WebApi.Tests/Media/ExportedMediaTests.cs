using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>An export lists the uploads of its owner, and of no other user.</summary>
public sealed class ExportedMediaTests(SharedMediaServer server) : IClassFixture<SharedMediaServer>
{
    [Fact]
    public async Task Uploads_and_what_has_arrived_of_others_are_listed_to_their_owner()
    {
        var ann = await server.SignInAsync();
        var bytes = MediaServer.Picture(2_001);
        var file = (await server.UploadAsync(ann, bytes, name: "holiday.png")).Is(201).Text("file_id");
        await server.UploadedAsync(server.Ben, MediaServer.Picture());
        var upload = await server.BeginAsync(ann, 50_000);

        var export = (await server.GetAsync("/v1/users/me/export", ann.Access)).Is(200);

        var listed = Assert.Single(export["media"].EnumerateArray());
        Assert.Equal(
            (file, "holiday.png", "image", bytes.Length),
            (listed.GetProperty("file_id").GetString(), listed.GetProperty("filename").GetString(),
                listed.GetProperty("file_type").GetString(), listed.GetProperty("size").GetInt32()));
        Assert.EndsWith(
            Assert.Single(export["uploads"].EnumerateArray()).GetProperty("upload_id").GetString()!, upload,
            StringComparison.Ordinal);
    }
}
