using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Measuring;
using ChatCqrs.Bench.Systems;

namespace ChatCqrs.Bench.Parts;

/// <summary>Rates of one large file, and the memory it took.</summary>
/// <param name="Megabytes">The size of the file, in MiB.</param>
/// <param name="Upload">MiB a second in one form, until the answer.</param>
/// <param name="Resumable">MiB a second by the tus protocol, in one request.</param>
/// <param name="Download">MiB a second.</param>
/// <param name="Growth">The server's peak private memory less that at rest, in bytes.</param>
internal sealed record MediaFigures(int Megabytes, double Upload, double Resumable, double Download, long Growth);

/// <summary>
/// Uploads a large file in a form and by tus, downloads it and checks its hash, while sampling the server's memory.
/// </summary>
internal static class MediaPart
{
    private const int Chunk = 1024 * 1024;

    private static readonly TimeSpan Most = TimeSpan.FromMinutes(10), SampleEvery = TimeSpan.FromMilliseconds(50);

    public static async Task<MediaFigures> RunAsync(ServerUnderTest server, BenchOptions options)
    {
        using var registrar = new Registrar(server.Url);
        var account = (await registrar.RegisterAsync(1))[0];
        using var http = new HttpClient { BaseAddress = server.Url, Timeout = Most };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", account.Token);
        await FormAsync(http, 4); // Warm-up.
        await ManagedHeap.CollectAsync(server.Process);

        var before = ProcFs.PrivateMemoryOf(server.Process);
        using var stop = new CancellationTokenSource();
        var peak = PeakAsync(server.Process, stop.Token);
        var (upload, file) = await FormAsync(http, options.FileMegabytes);
        var resumable = await TusAsync(http, options.FileMegabytes);
        var download = await DownloadAsync(http, file, options.FileMegabytes);
        await stop.CancelAsync();
        return new MediaFigures(options.FileMegabytes, upload, resumable, download, await peak - before);
    }

    private static async Task<(double Rate, string File)> FormAsync(HttpClient http, int megabytes)
    {
        var start = Clock.Now;
        using var form = new MultipartFormDataContent
        {
            { new StringContent("document"), "file_type" },
            { new Bytes(megabytes, seed: 1), "file", "large.bin" },
        };
        using var answer = await http.PostAsync("/v1/media", form);
        var body = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode != HttpStatusCode.Created)
        {
            throw new InvalidOperationException($"POST /v1/media answered {(int)answer.StatusCode}: {body}");
        }

        var json = JsonDocument.Parse(body).RootElement;
        if (json.GetProperty("sha256").GetString() != Bytes.HashOf(megabytes, seed: 1))
        {
            throw new InvalidOperationException("The server has hashed other bytes than were sent.");
        }

        return (megabytes / Clock.Span(Clock.Now - start).TotalSeconds, json.GetProperty("file_id").GetString()!);
    }

    private static async Task<double> TusAsync(HttpClient http, int megabytes)
    {
        var start = Clock.Now;
        using var create = new HttpRequestMessage(HttpMethod.Post, "/v1/media/uploads");
        create.Headers.Add("Tus-Resumable", "1.0.0");
        create.Headers.Add("Upload-Length", $"{(long)megabytes * Chunk}");
        create.Headers.Add("Upload-Metadata", "file_type ZG9jdW1lbnQ=");
        using var created = await http.SendAsync(create);
        using var patch = new HttpRequestMessage(HttpMethod.Patch, created.Headers.Location)
        {
            Content = new Bytes(megabytes, seed: 2),
        };
        patch.Headers.Add("Tus-Resumable", "1.0.0");
        patch.Headers.Add("Upload-Offset", "0");
        patch.Content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        using var patched = await http.SendAsync(patch);
        return patched.Headers.Contains("Chat-File-Id")
            ? megabytes / Clock.Span(Clock.Now - start).TotalSeconds
            : throw new InvalidOperationException($"PATCH answered {(int)patched.StatusCode} without Chat-File-Id.");
    }

    private static async Task<double> DownloadAsync(HttpClient http, string file, int megabytes)
    {
        var start = Clock.Now;
        using var answer = await http.GetAsync(
            $"/v1/media/download?file_id={file}", HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream));
        return hash == Bytes.HashOf(megabytes, seed: 1)
            ? megabytes / Clock.Span(Clock.Now - start).TotalSeconds
            : throw new InvalidOperationException("Other bytes came back than were sent.");
    }

    private static async Task<long> PeakAsync(int process, CancellationToken stop)
    {
        var peak = 0L;
        while (!stop.IsCancellationRequested)
        {
            peak = Math.Max(peak, ProcFs.PrivateMemoryOf(process));
            await Task.Delay(SampleEvery, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return peak;
    }

    /// <summary>Random MiB without a known file signature, each different from the others.</summary>
    private sealed class Bytes(int megabytes, int seed) : HttpContent
    {
        public static string HashOf(int megabytes, int seed)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var chunk = FirstChunk(seed);
            for (var i = 0; i < megabytes; i++)
            {
                hash.AppendData(Numbered(chunk, i));
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var chunk = FirstChunk(seed);
            for (var i = 0; i < megabytes; i++)
            {
                await stream.WriteAsync(Numbered(chunk, i));
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = (long)megabytes * Chunk;
            return true;
        }

        private static byte[] FirstChunk(int seed)
        {
            var chunk = new byte[Chunk];
            new Random(seed).NextBytes(chunk);
            chunk[0] = 0;
            return chunk;
        }

        private static byte[] Numbered(byte[] chunk, int number)
        {
            BitConverter.TryWriteBytes(chunk.AsSpan(8), number);
            return chunk;
        }
    }
}
