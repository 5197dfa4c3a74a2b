using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Media;

/// <summary>A server with a small limit, and three people: Ann and Ben, who write to each other, and Eve.</summary>
public class MediaServer : ChatServer, IAsyncLifetime
{
    public const int SizeMax = 20_000_000;

    protected override IEnumerable<(string Name, string Value)> Settings =>
        [.. base.Settings, ("Media:SizeMax", $"{SizeMax}")];

    public Tokens Ann { get; private set; } = null!;
    public Tokens Ben { get; private set; } = null!;
    public Tokens Eve { get; private set; } = null!;

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        (Ann, Ben, Eve) = (await this.SignInAsync(), await this.SignInAsync(), await this.SignInAsync());
    }

    /// <summary>A picture with random bytes.</summary>
    public static byte[] Picture(int size = 1_000) =>
        [0x89, .. "PNG\r\n"u8, 0x1a, 0x0a, .. RandomNumberGenerator.GetBytes(size)];

    public async Task<Answer> UploadAsync(
        Tokens who, byte[] bytes, string? type = "image", string name = "a.png", bool typeFirst = true)
    {
        using var form = new MultipartFormDataContent();
        if (typeFirst && type is not null)
            form.Add(new StringContent(type), "file_type");
        form.Add(new ByteArrayContent(bytes), "file", name);
        if (!typeFirst && type is not null)
            form.Add(new StringContent(type), "file_type");
        return await PostAsync("/v1/media", form, who.Access);
    }

    public async Task<string> UploadedAsync(Tokens who, byte[] bytes, string type = "image") =>
        (await UploadAsync(who, bytes, type)).Is(201).Text("file_id");

    public async Task<Answer> SendFileAsync(Tokens from, string to, object media, string type = "image") =>
        await PostAsync(
            "/v1/messages", new { message_id = Guid.CreateVersion7(), receiver_id = to, type, media_object = media },
            from.Access);

    public async Task<HttpResponseMessage> DownloadAsync(
        Tokens who, string file, Action<HttpRequestHeaders>? headers = null, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, $"/v1/media/download?file_id={file}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", who.Access);
        headers?.Invoke(request.Headers);
        return await Http.SendAsync(request);
    }

    /// <summary>A request of the tus protocol.</summary>
    public async Task<HttpResponseMessage> TusAsync(
        HttpMethod method, string path, Tokens who, byte[]? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", who.Access);
        if (headers.All(header => header.Name != "Tus-Resumable"))
            request.Headers.Add("Tus-Resumable", "1.0.0");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (body is not null)
        {
            var type = new MediaTypeHeaderValue("application/offset+octet-stream");
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = type } };
        }

        return await Http.SendAsync(request);
    }

    public async Task<string> BeginAsync(Tokens who, long length, string type = "image", string? name = null)
    {
        var metadata = $"file_type {Base64(type)}" + (name is null ? "" : $",filename {Base64(name)}");
        var answer = await TusAsync(
            HttpMethod.Post, "/v1/media/uploads", who, null, ("Upload-Length", $"{length}"),
            ("Upload-Metadata", metadata));
        Assert.Equal(201, (int)answer.StatusCode);
        return answer.Headers.Location!.OriginalString;
    }

    public static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    public static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? values.Single() : null;
}

/// <summary>The server of classes that do not look at its files; each has people of its own.</summary>
public sealed class SharedMediaServer : MediaServer
{
    protected override bool IsShared => true;
}
