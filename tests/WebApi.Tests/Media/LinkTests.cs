using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>Links to files: whom they are made for, what they answer, and when they end.</summary>
public sealed class LinkTests(SharedMediaServer server) : IClassFixture<SharedMediaServer>
{
    [Fact]
    public async Task A_link_is_good_without_a_token_whole_and_in_parts()
    {
        var bytes = MediaServer.Picture(10_000);
        var file = await server.UploadedAsync(server.Ann, bytes);
        var before = DateTimeOffset.UtcNow;

        var (url, expiresAt) = await LinkAsync(server.Ann, file);

        Assert.Equal(server.Http.BaseAddress!.GetLeftPart(UriPartial.Authority), url.GetLeftPart(UriPartial.Authority));
        Assert.InRange(expiresAt, before.AddMinutes(5), before.AddMinutes(11));
        using var whole = await GetAsync(url);
        Assert.Equal(bytes, await whole.Content.ReadAsByteArrayAsync());
        Assert.Equal("image/png", whole.Content.Headers.ContentType!.MediaType);
        Assert.Equal("bytes", whole.Headers.AcceptRanges.Single());
        Assert.Equal("cross-origin", MediaServer.Header(whole, "Cross-Origin-Resource-Policy"));
        using var part = await GetAsync(url, headers => headers.Range = new RangeHeaderValue(100, 199));
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(bytes[100..200], await part.Content.ReadAsByteArrayAsync());
        using var head = await GetAsync(url, method: HttpMethod.Head);
        Assert.Equal((HttpStatusCode.OK, bytes.Length), (head.StatusCode, (int)head.Content.Headers.ContentLength!));
        using var known = await GetAsync(url, headers => headers.IfNoneMatch.Add(whole.Headers.ETag!));
        Assert.Equal(HttpStatusCode.NotModified, known.StatusCode);
    }

    [Fact]
    public async Task While_its_owner_is_being_erased_a_file_has_no_link_and_others_have()
    {
        var gone = await server.SignInAsync();
        var theirs = await server.UploadedAsync(gone, MediaServer.Picture());
        (await server.SendFileAsync(gone, server.Ben.User, new { file_id = theirs })).Is(201);
        var (url, _) = await LinkAsync(server.Ben, theirs);
        var own = await server.UploadedAsync(server.Ben, MediaServer.Picture());
        await server.Services.GetRequiredService<IContentSealer>()
            .ShredAsync(new UserId(Guid.Parse(gone.User)), CancellationToken.None);

        var links = (await server.PostAsync("/v1/media/links", new { file_ids = new[] { theirs, own } }, server.Ben.Access))
            .Is(200)["links"];

        Assert.Equal(own, Assert.Single(links.EnumerateArray()).GetProperty("file_id").GetString());
        (await server.GetAsync(url.PathAndQuery)).IsProblem(403, "link_invalid");
    }

    [Theory]
    [InlineData("image", "png", "inline")]
    [InlineData("document", "png", "inline")]
    [InlineData("audio", "ID3", "inline")]
    [InlineData("document", "%PDF-1.7", "attachment")]
    [InlineData("document", "<!doctype html><script>alert(1)</script>", "attachment")]
    [InlineData("document", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "attachment")]
    [InlineData("document", "plain text", "attachment")]
    [InlineData("encrypted", "png", "attachment")]
    public async Task What_can_be_shown_is_shown_and_nothing_in_it_runs(string type, string start, string disposition)
    {
        var salt = Guid.NewGuid().ToByteArray();
        var bytes = start == "png" ? MediaServer.Picture() : [.. Encoding.UTF8.GetBytes(start), .. salt];
        if (start.StartsWith("plain", StringComparison.Ordinal))
            bytes = Encoding.UTF8.GetBytes($"{start} {Guid.NewGuid()}");
        var (url, _) = await LinkAsync(server.Ann, await server.UploadedAsync(server.Ann, bytes, type));

        using var answer = await GetAsync(url);

        Assert.Equal(disposition, answer.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Equal("a.png", answer.Content.Headers.ContentDisposition.FileNameStar);
        Assert.Equal("nosniff", MediaServer.Header(answer, "X-Content-Type-Options"));
        var policy = MediaServer.Header(answer, "Content-Security-Policy")!;
        Assert.StartsWith("default-src 'none'; sandbox;", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_are_made_of_what_the_caller_may_download()
    {
        var (own, sent, hidden) = (
            await server.UploadedAsync(server.Ben, MediaServer.Picture()),
            await server.UploadedAsync(server.Ann, MediaServer.Picture()),
            await server.UploadedAsync(server.Ann, MediaServer.Picture()));
        (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = sent })).Is(201);
        var avatar = await server.UploadedAsync(server.Eve, MediaServer.Picture());
        (await server.PatchAsync("/v1/users/me", new { avatar }, server.Eve.Access)).Is(200);

        var answer = await PostAsync(
            server.Ben, own, sent, hidden, avatar, $"{Guid.NewGuid()}", own.ToUpperInvariant());

        Assert.Equal(
            new[] { own, sent, avatar }.Order(StringComparer.Ordinal),
            answer.Is(200)["links"].EnumerateArray().Select(link => link.GetProperty("file_id").GetString()!)
                .Order(StringComparer.Ordinal));
        foreach (var link in answer["links"].EnumerateArray())
        {
            using var bytes = await GetAsync(new Uri(link.GetProperty("url").GetString()!));
            Assert.Equal(HttpStatusCode.OK, bytes.StatusCode);
        }

        (await server.PatchAsync("/v1/users/me", new { avatar = (string?)null }, server.Eve.Access)).Is(200);
        await EndsAsync(new Uri(answer["links"].EnumerateArray()
            .Single(link => link.GetProperty("file_id").GetString() == avatar).GetProperty("url").GetString()!));
    }

    [Fact]
    public async Task A_request_has_a_hundred_ids_at_most()
    {
        var ids = Enumerable.Range(0, 101).Select(_ => $"{Guid.NewGuid()}").ToArray();

        (await PostAsync(server.Ann, ids)).IsInvalid("file_ids");
        Assert.Empty((await PostAsync(server.Ann, ids[1..])).Is(200)["links"].EnumerateArray());
        Assert.Empty((await PostAsync(server.Ann)).Is(200)["links"].EnumerateArray());
        (await PostAsync(server.Ann, "x")).IsInvalid("file_ids");
        (await PostAsync(server.Ann, [null!])).IsInvalid("file_ids");
        (await server.PostAsync("/v1/media/links", new { }, server.Ann.Access)).IsInvalid("file_ids");
        (await server.PostAsync("/v1/media/links", new { file_ids = ids[1..] })).IsProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task A_forged_link_is_refused()
    {
        var (one, other) = (
            await server.UploadedAsync(server.Ann, MediaServer.Picture()),
            await server.UploadedAsync(server.Ann, MediaServer.Picture()));
        var (url, expiresAt) = await LinkAsync(server.Ann, one);
        var signature = url.Query[(url.Query.IndexOf("signature=", StringComparison.Ordinal) + 10)..];
        var expires = expiresAt.ToUnixTimeSeconds();

        foreach (var forged in new[]
        {
            $"{other}?expires={expires}&signature={signature}", $"{one}?expires={expires + 1}&signature={signature}",
            $"{one}?expires={expires}&signature={(signature[0] == 'A' ? 'B' : 'A')}{signature[1..]}",
            $"{one}?expires={expires}&signature={signature[..^1]}{(signature[^1] == 'A' ? 'E' : 'A')}",
            $"{one}?expires={expires}&signature={signature}AAAA", $"{one}?expires={expires}&signature=%00",
            $"{one}?expires={expires}", $"{one}?signature={signature}", $"{one}", $"{Guid.NewGuid()}", "x",
            $"{one}?expires=-1&signature={signature}", $"{one}?expires=99999999999999999999&signature={signature}",
        })
            (await server.GetAsync($"/v1/media/content/{forged}")).IsProblem(403, "link_invalid");
    }

    [Fact]
    public async Task A_link_ends_with_its_message_and_not_for_its_sender()
    {
        var file = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        var sent = (await server.SendFileAsync(server.Ann, server.Ben.User, new { file_id = file })).Is(201);
        var (bens, anns) = (await LinkAsync(server.Ben, file), await LinkAsync(server.Ann, file));

        (await server.DeleteAsync(
            $"/v1/conversations/{sent.Text("conversation_id")}/messages/{sent.Text("message_id")}",
            server.Ann.Access)).Is(204);

        await EndsAsync(bens.Url);
        using var own = await GetAsync(anns.Url);
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
    }

    [Fact]
    public async Task A_link_ends_with_its_owner()
    {
        var ann = await server.SignInAsync();
        var file = await server.UploadedAsync(ann, MediaServer.Picture());
        (await server.SendFileAsync(ann, server.Ben.User, new { file_id = file })).Is(201);
        var (url, _) = await LinkAsync(server.Ben, file);

        (await server.DeleteAsync("/v1/users/me", ann.Access)).Is(204);

        await EndsAsync(url);
    }

    [Fact]
    public async Task Another_node_serves_the_link()
    {
        var other = new MediaServer { Beside = server };
        await ((IAsyncLifetime)other).InitializeAsync();
        try
        {
            var bytes = MediaServer.Picture();
            var (url, _) = await LinkAsync(server.Ann, await server.UploadedAsync(server.Ann, bytes));

            Assert.Equal(bytes, await other.Http.GetByteArrayAsync(url.PathAndQuery));
        }
        finally
        {
            await other.DisposeAsync();
        }
    }

    private async Task<(Uri Url, DateTimeOffset ExpiresAt)> LinkAsync(Tokens who, string file)
    {
        var link = Assert.Single((await PostAsync(who, file)).Is(200)["links"].EnumerateArray());
        return (new Uri(link.GetProperty("url").GetString()!), link.GetProperty("expires_at").GetDateTimeOffset());
    }

    private Task<Answer> PostAsync(Tokens who, params string[] files) =>
        server.PostAsync("/v1/media/links", new { file_ids = files }, who.Access);

    private async Task<HttpResponseMessage> GetAsync(
        Uri url, Action<HttpRequestHeaders>? headers = null, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, url);
        headers?.Invoke(request.Headers);
        return await server.Http.SendAsync(request);
    }

    private async Task EndsAsync(Uri url)
    {
        await Eventually.IsTrue(
            async () => (await server.Http.GetAsync(url)).StatusCode == HttpStatusCode.Forbidden, "the link has ended");
        (await server.GetAsync(url.PathAndQuery)).IsProblem(403, "link_invalid");
    }
}

/// <summary>Links of a server behind a proxy, which are good for a second.</summary>
public sealed class ShortLinkTests(ShortLinkTests.BrieflyServer server) : IClassFixture<ShortLinkTests.BrieflyServer>
{
    public sealed class BrieflyServer : MediaServer
    {
        protected override IEnumerable<(string Name, string Value)> Settings =>
            [.. base.Settings, ("Media:UrlLifetime", "00:00:01"), ("Proxy:Enabled", "true")];
    }

    [Fact]
    public async Task A_link_ends_by_itself()
    {
        var link = await LinkAsync();

        await Eventually.IsTrue(
            async () => (await server.Http.GetAsync(link)).StatusCode == HttpStatusCode.Forbidden, "it has ended");
        (await server.GetAsync(link.PathAndQuery)).IsProblem(403, "link_invalid");
    }

    [Fact]
    public async Task A_link_leads_through_the_proxy()
    {
        var link = await LinkAsync(
            ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "chat.example"), ("X-Forwarded-Prefix", "/talk"));

        Assert.StartsWith("https://chat.example/talk/v1/media/content/", link.AbsoluteUri, StringComparison.Ordinal);
    }

    private async Task<Uri> LinkAsync(params (string Name, string Value)[] headers)
    {
        var file = await server.UploadedAsync(server.Ann, MediaServer.Picture());
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/media/links");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", server.Ann.Access);
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        request.Content = new StringContent(
            JsonSerializer.Serialize(new { file_ids = new[] { file } }), Encoding.UTF8, "application/json");
        var link = Assert.Single((await server.SendAsync(request)).Is(200)["links"].EnumerateArray());
        return new Uri(link.GetProperty("url").GetString()!);
    }
}
