using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.Acceptance.Client;

/// <summary>The answer to an upload.</summary>
public sealed record MediaFile(Guid FileId, string Sha256, long Size, string ContentType, bool Duplicate);

/// <summary>Uploads and downloads of one person.</summary>
public sealed class Media(Person who) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        BaseAddress = who.Api.Address,
        Timeout = Patience,
    };

    /// <summary>Random bytes with the signature of a PNG.</summary>
    public static byte[] Picture(int size = 5_000) =>
        [0x89, .. "PNG\r\n"u8, 0x1a, 0x0a, .. RandomNumberGenerator.GetBytes(size)];

    public static string Sha256(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public async Task<Answer> PostAsync(byte[] bytes, string type = "image", string name = "picture.png")
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent(type), "file_type" },
            { new ByteArrayContent(bytes), "file", name },
        };
        return await who.Api.SendAsync(HttpMethod.Post, "/v1/media", form, who.Token);
    }

    public async Task<MediaFile> UploadAsync(byte[] bytes, string type = "image") =>
        (await PostAsync(bytes, type)).Expect(201).Read<MediaFile>();

    /// <summary>Sends a message with a file.</summary>
    public async Task<Sent> SendAsync(Person to, Guid file)
    {
        var message = Draft.To(to.Id, "").Without("text")
            .With("type", "image").With("media_object", new { file_id = file });
        return (await who.PostMessageAsync(message)).Expect(201).Read<Sent>();
    }

    public async Task<HttpResponseMessage> DownloadAsync(Guid file, Action<HttpRequestHeaders>? headers = null)
    {
        using var request = Request(HttpMethod.Get, $"/v1/media/download?file_id={file}&user_id={who.Id}");
        headers?.Invoke(request.Headers);
        return await _http.SendAsync(request);
    }

    /// <summary>Downloads a file; fails unless this person may have it.</summary>
    public async Task<byte[]> BytesAsync(Guid file)
    {
        using var answer = await DownloadAsync(file);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync();
    }

    /// <summary>Asserts that the file does not exist for this person.</summary>
    public async Task IsHiddenAsync(Guid file) =>
        (await who.GetAsync($"/v1/media/download?file_id={file}")).Expect(404);

    /// <summary>Begins a resumable upload (tus 1.0); returns its address.</summary>
    public async Task<string> BeginAsync(long length, string type = "image")
    {
        using var request = Tus(HttpMethod.Post, "/v1/media/uploads");
        request.Headers.Add("Upload-Length", length.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("Upload-Metadata", $"file_type {Base64(type)},filename {Base64("picture.png")}");
        using var answer = await _http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return answer.Headers.Location!.OriginalString;
    }

    public async Task<long> OffsetAsync(string upload)
    {
        using var request = Tus(HttpMethod.Head, upload);
        using var answer = await _http.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, $"HEAD answered {(int)answer.StatusCode}.");
        return long.Parse(Header(answer, "Upload-Offset")!, CultureInfo.InvariantCulture);
    }

    public async Task<HttpResponseMessage> WriteAsync(string upload, long offset, HttpContent content)
    {
        using var request = Tus(HttpMethod.Patch, upload);
        request.Headers.Add("Upload-Offset", offset.ToString(CultureInfo.InvariantCulture));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        request.Content = content;
        return await _http.SendAsync(request);
    }

    public static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? values.Single() : null;

    public void Dispose() => _http.Dispose();

    private HttpRequestMessage Request(HttpMethod method, string path) =>
        new(method, path) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", who.Token) } };

    private HttpRequestMessage Tus(HttpMethod method, string path)
    {
        var request = Request(method, path);
        request.Headers.Add("Tus-Resumable", "1.0.0");
        return request;
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}

/// <summary>A request body that stops after <paramref name="stopAt"/> bytes until <see cref="GoOn"/>.</summary>
public sealed class StuckContent(byte[] bytes, int stopAt) : HttpContent
{
    private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void GoOn() => _goOn.TrySetResult();

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.WriteAsync(bytes.AsMemory(0, stopAt));
        await stream.FlushAsync();
        await _goOn.Task;
        await stream.WriteAsync(bytes.AsMemory(stopAt));
    }

    protected override bool TryComputeLength(out long length)
    {
        length = bytes.Length;
        return true;
    }
}
