using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ChatCqrs.Client.Http;
using ChatCqrs.Client.Realtime;

namespace ChatCqrs.Client.Media;

/// <summary>
/// Uploads by the tus protocol 1.0 (https://tus.io/protocols/resumable-upload): in parts, each of which is sent again
/// from where the server has it, as long as the network lets any byte through now and then.
/// </summary>
internal sealed class Uploader(Rest rest, Clock clock, Func<double> random)
{
    /// <summary>The bytes of one request, and of the buffer.</summary>
    private const int PartBytes = 1024 * 1024;

    /// <summary>How often in a row a part may fail without a byte more than before.</summary>
    private const int FailuresMax = 10;

    private const int Conflict = 409, Locked = 423, ChecksumMismatch = 460;

    private static readonly TimeSpan PartWithin = TimeSpan.FromMinutes(5);

    public async Task<Guid> UploadAsync(
        Stream content, UploadOptions options, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        if (!content.CanSeek)
            throw new ArgumentException("The stream must be able to seek, so that lost parts can be sent again.");
        var (start, length) = (content.Position, content.Length - content.Position);
        var address = options.ResumeFrom
            ?? await TryAsync(() => BeginAsync(options, length, cancellationToken), cancellationToken)
                .ConfigureAwait(false);
        options.Begun?.Invoke(address);
        var buffer = new byte[(int)Math.Min(PartBytes, Math.Max(length, 1))];
        long? offset = options.ResumeFrom is null ? 0 : null;
        var (failures, best) = (0, -1L);
        while (true)
        {
            try
            {
                Guid? file = null;
                if (offset is null)
                    (offset, file) = await ReachedAsync(address, cancellationToken).ConfigureAwait(false);
                progress?.Report(file is null ? offset.Value : length);
                if (file is { } done)
                    return done; // Only the answer was lost.
                content.Position = start + offset.Value;
                var size = await content.ReadAtLeastAsync(
                    buffer, (int)Math.Min(buffer.Length, length - offset.Value), throwOnEndOfStream: false,
                    cancellationToken).ConfigureAwait(false);
                (var reached, file) = await SendAsync(
                    address, offset.Value, buffer.AsMemory(0, size), cancellationToken).ConfigureAwait(false);
                if (file is { } id)
                {
                    progress?.Report(length);
                    return id;
                }

                if (reached <= offset)
                    throw new ChatException(ErrorCode.BadAnswer, "The server took no byte of the upload.");
                (offset, failures) = (reached, 0);
            }
            catch (ChatException failed) when (MayGoOn(failed))
            {
                if (failures == FailuresMax)
                    throw new ChatException(
                        ErrorCode.UploadStuck, "The upload gets no further.", failed.Status, failed);
                (failures, best) = (offset > best ? 0 : failures + 1, Math.Max(best, offset ?? best));
                offset = null; // The server knows how far it got.
                await PauseAsync(failures, failed, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static bool MayGoOn(ChatException failed) =>
        failed.Retryable || failed.Status is Conflict or Locked or ChecksumMismatch;

    private async Task<T> TryAsync<T>(Func<Task<T>> attempt, CancellationToken cancellationToken)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (ChatException failed) when (failed.Retryable && failures < FailuresMax)
            {
                await PauseAsync(failures, failed, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private Task PauseAsync(int failures, ChatException failed, CancellationToken cancellationToken)
    {
        var wait = Reconnecting.Jitter(failures, random);
        return Task.Delay(
            failed.RetryAfter is { } asked && asked > wait ? asked : wait, clock.Time, cancellationToken);
    }

    private async Task<Uri> BeginAsync(UploadOptions options, long length, CancellationToken cancellationToken)
    {
        var metadata = $"file_type {Base64(options.FileType)}";
        if (options.FileName is { Length: > 0 } name)
            metadata += $",filename {Base64(name)}";
        using var answer = await rest.SendAsync(
            () => Request(HttpMethod.Post, new Uri(rest.Url, "v1/media/uploads"), request =>
            {
                request.Headers.Add("Upload-Length", length.ToString(CultureInfo.InvariantCulture));
                request.Headers.Add("Upload-Metadata", metadata);
            }),
            null, null, cancellationToken).ConfigureAwait(false);
        return new Uri(rest.Url, answer.Headers.Location
            ?? throw new ChatException(ErrorCode.BadAnswer, "The answer has no Location."));
    }

    private async Task<(long Offset, Guid? File)> ReachedAsync(Uri address, CancellationToken cancellationToken)
    {
        using var answer = await rest.SendAsync(
            () => Request(HttpMethod.Head, address, _ => { }), null, null, cancellationToken).ConfigureAwait(false);
        return ReachedOf(answer);
    }

    private async Task<(long Offset, Guid? File)> SendAsync(
        Uri address, long offset, ReadOnlyMemory<byte> part, CancellationToken cancellationToken)
    {
        using var answer = await rest.SendAsync(
            () => Request(HttpMethod.Patch, address, request =>
            {
                request.Headers.Add("Upload-Offset", offset.ToString(CultureInfo.InvariantCulture));
                request.Content = new ReadOnlyMemoryContent(part);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
            }),
            null, PartWithin, cancellationToken).ConfigureAwait(false);
        return ReachedOf(answer);
    }

    private static (long Offset, Guid? File) ReachedOf(HttpResponseMessage answer)
    {
        if (answer.Headers.TryGetValues("Chat-File-Id", out var ids) && Guid.TryParse(ids.First(), out var file))
            return (0, file);
        return answer.Headers.TryGetValues("Upload-Offset", out var values)
            && long.TryParse(values.First(), CultureInfo.InvariantCulture, out var offset)
                ? (offset, null)
                : throw new ChatException(ErrorCode.BadAnswer, "The answer has no Upload-Offset.");
    }

    private static HttpRequestMessage Request(HttpMethod method, Uri address, Action<HttpRequestMessage> fill)
    {
        var request = new HttpRequestMessage(method, address) { Version = HttpVersion.Version11 };
        request.Headers.Add("Tus-Resumable", "1.0.0");
        fill(request);
        return request;
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
