using System.Collections.Concurrent;
using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>Checks that an upload belongs to the caller: to everyone else it does not exist.</summary>
internal sealed class UploadAccess(IUploads uploads, TimeProvider clock)
{
    /// <exception cref="RefusedException">The caller has no such upload, or it has expired.</exception>
    public async Task<Upload> RequireAsync(UserId caller, string id, CancellationToken cancellationToken)
    {
        if (!Uuids.TryParse(id, out var upload)
            || await uploads.FindAsync(upload, cancellationToken) is not { } found
            || found.Owner != caller)
            throw new RefusedException(Refusal.UploadUnknown);
        return found.ExpiresAt > clock.GetUtcNow() ? found : throw new RefusedException(Refusal.UploadExpired);
    }
}

/// <summary>
/// Allows one request at a time per upload on this node. Between nodes the offset decides: of two requests at the same
/// offset one is refused.
/// </summary>
internal sealed class UploadTurns(TimeProvider clock)
{
    /// <summary>
    /// How long a request waits for another one: enough to notice that a client disconnected, less than a transfer.
    /// </summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _taken = new();

    /// <returns>A turn to dispose of at the end; null if another request holds it.</returns>
    public async Task<IDisposable?> TakeAsync(Guid upload, CancellationToken cancellationToken)
    {
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var deadline = clock.GetUtcNow() + WaitMax;
        while (!_taken.TryAdd(upload, mine))
        {
            if (!_taken.TryGetValue(upload, out var other))
                continue;
            var wait = deadline - clock.GetUtcNow();
            if (wait <= TimeSpan.Zero)
                return null;
            await other.Task.WaitAsync(wait, clock, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }

        return new Turn(() =>
        {
            _taken.TryRemove(upload, out _);
            mine.SetResult();
        });
    }

    private sealed class Turn(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}

/// <summary>
/// Caches the running hashes of unfinished uploads, so that their bytes need not be read again. A missing hash (another
/// node, a restart) is computed from the stored bytes.
/// </summary>
internal sealed class UploadHashes
{
    private const int HashesMax = 1_000;

    private readonly RecentlyUsed<Guid, (long Offset, IncrementalHash Hash)> _hashes = new(HashesMax);
    private readonly Lock _gate = new();

    /// <summary>Takes the hash over all bytes before an offset; null if unknown. The caller owns it.</summary>
    public IncrementalHash? Take(Guid upload, long offset)
    {
        if (offset == 0)
            return IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        lock (_gate)
        {
            var found = _hashes.TryGet(upload, out var known) && known.Offset == offset;
            _hashes.Remove(upload);
            return found ? known.Hash : null;
        }
    }

    public void Put(Guid upload, long offset, IncrementalHash? hash)
    {
        if (hash is null)
            return;
        lock (_gate)
            _hashes.Set(upload, (offset, hash));
    }

    public void Forget(Guid upload)
    {
        lock (_gate)
            _hashes.Remove(upload);
    }
}

/// <summary>Makes a file of a complete upload.</summary>
internal sealed class UploadFinisher(IUploads uploads, IBlobs blobs, UploadHashes hashes, TimeProvider clock)
{
    private const int BufferSize = 128 * 1024;

    /// <param name="hash">The hash over all bytes; null if unknown.</param>
    /// <exception cref="RefusedException">The bytes contradict the stated kind: the upload is removed.</exception>
    public async Task<FileId> FinishAsync(Upload upload, IncrementalHash? hash, CancellationToken cancellationToken)
    {
        var parts = await uploads.PartsAsync(upload.Id, cancellationToken);
        await using var content = new SegmentStream(blobs, parts);
        var head = new byte[ContentTypes.HeadSize];
        var headSize = await content.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        var type = FileTypes.Reconcile(upload.FileType, ContentTypes.Of(head.AsSpan(0, headSize)));
        hashes.Forget(upload.Id);
        if (type is null)
        {
            await uploads.RemoveAsync(upload.Id, cancellationToken);
            throw new RefusedException(Refusal.FileTypeMismatch);
        }

        var sha256 = hash?.GetHashAndReset() ?? await HashAsync(content, cancellationToken);
        var file = new NewFile(
            new FileId(upload.Id), upload.Owner, sha256, upload.Received, upload.FileType, type, upload.Name,
            clock.GetUtcNow(), parts);
        var kept = await uploads.FinishAsync(upload.Id, file, cancellationToken);
        return kept?.Id ?? throw new RefusedException(Refusal.UploadUnknown);
    }

    private static async Task<byte[]> HashAsync(SegmentStream content, CancellationToken cancellationToken)
    {
        content.Position = 0;
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferSize];
        int read;
        while ((read = await content.ReadAsync(buffer, cancellationToken)) > 0)
            sha256.AppendData(buffer, 0, read);
        return sha256.GetHashAndReset();
    }
}
