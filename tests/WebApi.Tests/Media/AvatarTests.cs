using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>An avatar is an image of one's own, which everybody sees while it is one.</summary>
public sealed class AvatarTests(AvatarTests.TidyServer server) : IClassFixture<AvatarTests.TidyServer>
{
    private const string Me = "/v1/users/me";

    public sealed class TidyServer : MediaServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
            [.. base.Settings, ("Media:UnreferencedAfter", "00:00:01"), ("Media:CollectEvery", "00:00:01")];
    }

    [Fact]
    public async Task An_avatar_is_shown_and_kept_while_it_is_one()
    {
        var ann = await server.SignInAsync();
        var (file, other) = (await ImageAsync(ann), await ImageAsync(ann));
        await IsAsync(404, file);

        Assert.Equal(file, (await SetAsync(ann, file)).Is(200).Text("avatar"));

        await IsAsync(200, file);
        (await server.PatchAsync(Me, new { about = "Still there" }, ann.Access)).Is(200);
        await Testing.Eventually.IsTrue(
            async () => await StatusAsync(ann, other) == 404, "files that nothing refers to were collected");
        await IsAsync(200, file);

        var next = await ImageAsync(ann);
        (await SetAsync(ann, next)).Is(200);
        await IsAsync(404, file);
        await IsAsync(200, next);
        await Testing.Eventually.IsTrue(
            async () => await StatusAsync(ann, file) == 404, "what is an avatar no more is collected");
        await IsAsync(200, next);

        (await SetAsync(ann, null)).Is(200);
        await IsAsync(404, next);
        await Testing.Eventually.IsTrue(async () => await StatusAsync(ann, next) == 404, "the last one, too");
    }

    [Fact]
    public async Task Only_images_of_ones_own_are_avatars()
    {
        var ann = await server.SignInAsync();
        var opaque = await server.UploadedAsync(ann, [0, .. Guid.NewGuid().ToByteArray()]);
        var document = await server.UploadedAsync(ann, MediaServer.Picture(), "document");
        var others = await ImageAsync(server.Ben);

        foreach (var wrong in new[] { "", "picture", $"{Guid.NewGuid()}", opaque, document, others })
            (await SetAsync(ann, wrong)).IsProblem(400, "bad_avatar");

        Assert.Equal(
            System.Text.Json.JsonValueKind.Null, (await server.GetAsync(Me, ann.Access)).Is(200)["avatar"].ValueKind);
    }

    [Fact]
    public async Task Anothers_avatar_is_not_ones_own_to_send()
    {
        var ann = await server.SignInAsync();
        var file = await ImageAsync(ann);
        (await SetAsync(ann, file)).Is(200);
        (await server.SendFileAsync(server.Ben, server.Eve.User, new { file_id = file }))
            .IsProblem(400, "file_unknown");

        (await SetAsync(ann, null)).Is(200);

        await IsAsync(404, file);
    }

    [Fact]
    public async Task An_avatar_goes_with_its_user()
    {
        var ann = await server.SignInAsync();
        var file = await ImageAsync(ann);
        (await SetAsync(ann, file)).Is(200);
        await IsAsync(200, file);

        (await server.DeleteAsync(Me, ann.Access)).Is(204);

        await IsAsync(404, file);
    }

    private Task<string> ImageAsync(Tokens who) => server.UploadedAsync(who, MediaServer.Picture());

    private Task<Answer> SetAsync(Tokens who, string? file) =>
        server.PatchAsync(Me, new { avatar = file }, who.Access);

    /// <summary>Asserts what a stranger gets.</summary>
    private async Task IsAsync(int status, string file) => Assert.Equal(status, await StatusAsync(server.Eve, file));

    private async Task<int> StatusAsync(Tokens who, string file)
    {
        using var answer = await server.DownloadAsync(who, file);
        return (int)answer.StatusCode;
    }
}
