using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Log;

/// <summary>Fetches a log's checkpoint, tiles and entries (c2sp.org/tlog-tiles@v0.1.0).</summary>
internal sealed class LogClient
{
    /// <summary>Hashes of a full tile, and entries of a full bundle.</summary>
    public const int TileWidth = 256;

    private const int BundleMax = TileWidth * (sizeof(ushort) + LogEntry.BytesMax);
    private const int TriesMax = 10;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly Uri _prefix;
    private readonly string? _token;

    /// <exception cref="UsageException">The address is none.</exception>
    public LogClient(HttpClient http, string prefix, string? token)
    {
        if (!Uri.TryCreate(prefix.TrimEnd('/') + "/", UriKind.Absolute, out var uri)
            || uri.Scheme is not ("http" or "https"))
            throw new UsageException("the log's address must be an http or https URL");
        (_http, _prefix, _token) = (http, uri, token);
        http.Timeout = Timeout;
    }

    public async Task<string> CheckpointAsync() => Lines.Text(
        await FindAsync("checkpoint", Checkpoint.BytesMax)
        ?? throw new FormatException("there is no checkpoint (404)"));

    /// <summary>A tile's hashes.</summary>
    /// <param name="width">How many are there in a log of the checkpoint's size.</param>
    public async Task<byte[]> TileAsync(int level, long number, int width)
    {
        var bytes = await WholeOrPartAsync($"tile/{level}/{PathOf(number)}", width, TileWidth * Merkle.HashSize);
        return bytes.Length >= width * Merkle.HashSize && bytes.Length % Merkle.HashSize == 0
            ? bytes[..(width * Merkle.HashSize)]
            : throw new FormatException($"the tile {level}/{number} has {bytes.Length} bytes");
    }

    /// <summary>A bundle's entries: each after its length in two bytes, big-endian.</summary>
    public async Task<List<byte[]>> EntriesAsync(long number, int width)
    {
        var bytes = await WholeOrPartAsync($"tile/entries/{PathOf(number)}", width, BundleMax);
        var entries = new List<byte[]>(width);
        for (var at = 0; at < bytes.Length;)
        {
            var length = bytes.Length - at < sizeof(ushort) ? int.MaxValue : (bytes[at] << 8) | bytes[at + 1];
            if (bytes.Length - at - sizeof(ushort) < length)
                throw new FormatException($"the bundle {number} ends within an entry");
            entries.Add(bytes[(at + sizeof(ushort))..(at + sizeof(ushort) + length)]);
            at += sizeof(ushort) + length;
        }

        return entries.Count >= width
            ? entries[..width]
            : throw new FormatException($"the bundle {number} has {entries.Count} entries, not {width}");
    }

    /// <summary>Groups of three digits, all but the last after an x: 1234067 is <c>x001/x234/067</c>.</summary>
    internal static string PathOf(long number)
    {
        var path = (number % 1000).ToString("D3", CultureInfo.InvariantCulture);
        for (number /= 1000; number > 0; number /= 1000)
            path = string.Create(CultureInfo.InvariantCulture, $"x{number % 1000:D3}/{path}");
        return path;
    }

    /// <summary>A partial tile may be gone once the full one is there.</summary>
    private async Task<byte[]> WholeOrPartAsync(string path, int width, int bytesMax) =>
        (width < TileWidth ? await FindAsync($"{path}.p/{width}", bytesMax) : null)
        ?? await FindAsync(path, bytesMax)
        ?? throw new FormatException($"the server has no {path}, which its checkpoint covers");

    /// <returns>Null if there is none.</returns>
    private async Task<byte[]?> FindAsync(string path, int bytesMax)
    {
        for (var tried = 1; ; tried++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_prefix, path));
            if (_token is not null)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
            var (bytes, retry) = await AskAsync(request, bytesMax);
            if (retry is not { } wait)
                return bytes;
            if (tried == TriesMax)
                throw new UnreachableException($"{request.RequestUri} was refused {TriesMax} times: too many requests");
            await Task.Delay(wait < WaitMax ? wait : WaitMax);
        }
    }

    /// <returns>What was found, or how long to wait before the next try.</returns>
    private async Task<(byte[]? Bytes, TimeSpan? Retry)> AskAsync(HttpRequestMessage request, int bytesMax)
    {
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            switch (response.StatusCode)
            {
                case HttpStatusCode.OK:
                    return (await ReadAsync(response, bytesMax), null);
                case HttpStatusCode.NotFound:
                    return (null, null);
                case HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable:
                    return (null, response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1));
                case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                    throw new UnreachableException("the server does not let the caller in: give --token");
                default:
                    throw new UnreachableException($"{request.RequestUri} was answered by {(int)response.StatusCode}");
            }
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or TaskCanceledException)
        {
            throw new UnreachableException($"{request.RequestUri} cannot be reached: {failure.Message}");
        }
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, int bytesMax)
    {
        using var body = await response.Content.ReadAsStreamAsync();
        using var bytes = new MemoryStream();
        var buffer = new byte[32 * 1024];
        int read;
        while ((read = await body.ReadAsync(buffer)) > 0)
        {
            if (bytes.Length + read > bytesMax)
                throw new FormatException($"an answer has more than {bytesMax} bytes");
            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }
}
