using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ChatCqrs.Acceptance;

namespace ChatCqrs.Client.Acceptance;

/// <content>Files.</content>
public sealed partial class ContractSpecs
{
    /// <summary>An image of one pixel.</summary>
    private const string Png =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";

    [Fact]
    public async Task A_file_is_uploaded_sent_and_downloaded()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        var talk = await StartAsync(ada, ben);
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("plans for the week\n", 150_000)));
        var told = new List<long>();

        var file = await ada.Client.Conversation(talk).UploadAsync(
            new MemoryStream(bytes), new UploadOptions { FileName = "plans.txt" }, new Told(told.Add));
        var sent = await ada.Client.Conversation(talk).SendAsync(
            MessageContent.File(MessageType.Document, file, "plans.txt", "Here they are"));
        await sent.Acked.WaitAsync(Eventually.Deadline);

        Assert.Equal(bytes.Length, told[^1]);
        await using var stream = await Eventually.GetAsync(
            async () =>
            {
                try
                {
                    return await ben.Client.DownloadAsync(file);
                }
                catch (ChatException unknown) when (unknown.Status == 404)
                {
                    return null; // The read side is not there yet.
                }
            },
            got => got is not null, "the file can be downloaded");
        using var copy = new MemoryStream();
        await stream!.CopyToAsync(copy);
        Assert.Equal(bytes, copy.ToArray());
        var empty = await Assert.ThrowsAsync<ChatException>(() => ada.Client.UploadAsync(new MemoryStream()));
        Assert.Equal(ErrorCode.EmptyFile, empty.Code);
    }

    [Fact]
    public async Task A_link_to_a_file_is_good_without_a_token_for_those_who_may_have_the_file()
    {
        await using var ada = await Party.JoinAsync(server.Address, "Ada");
        await using var ben = await Party.JoinAsync(server.Address, "Ben");
        await using var eve = await Party.JoinAsync(server.Address, "Eve");
        var talk = await StartAsync(ada, ben);
        var bytes = Convert.FromBase64String(Png);
        var image = await ada.Client.UploadAsync(
            new MemoryStream(bytes), new UploadOptions { FileType = MessageType.Image, FileName = "dot.png" });
        await (await ada.Client.Conversation(talk).SendAsync(MessageContent.File(MessageType.Image, image)))
            .Acked.WaitAsync(Eventually.Deadline);

        var links = await Eventually.GetAsync(
            () => ben.Client.MediaLinksAsync([Guid.NewGuid(), image]), links => links.Count > 0, "Ben gets a link");

        var link = Assert.Single(links);
        Assert.Equal(image, link.FileId);
        Assert.True(link.ExpiresAt > (await ben.Client.ServerAsync()).Time);
        using var http = new HttpClient();
        using var whole = await http.GetAsync(link.Url);
        Assert.Equal(
            (HttpStatusCode.OK, "image/png"), (whole.StatusCode, whole.Content.Headers.ContentType?.MediaType));
        Assert.Equal(bytes, await whole.Content.ReadAsByteArrayAsync());
        using var ranged = new HttpRequestMessage(HttpMethod.Get, link.Url);
        ranged.Headers.Range = new RangeHeaderValue(1, 3);
        using var part = await http.SendAsync(ranged);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(bytes[1..4], await part.Content.ReadAsByteArrayAsync());
        using var forged = await http.GetAsync(link.Url.AbsoluteUri.Replace(
            image.ToString(), Guid.NewGuid().ToString(), StringComparison.OrdinalIgnoreCase));
        Assert.Equal(HttpStatusCode.Forbidden, forged.StatusCode);
        Assert.Empty(await eve.Client.MediaLinksAsync([image]));
    }

    private sealed class Told(Action<long> tell) : IProgress<long>
    {
        public void Report(long value) => tell(value);
    }
}
