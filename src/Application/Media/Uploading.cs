using System.Collections.Concurrent;
using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>Whose an upload is: to everyone else it does not exist.</summary>
internal sealed class UploadAccess(IUploads uploads, TimeProvider clock)
{
    /// <exception cref="RefusedException">There is no such upload of the caller's, or it has expired.</exception>
    public async Task<Upload> RequireAsync(UserId caller, string id, CancellationToken cancellationToken)
    {
        if (!Guid.TryParseExact(id, "D", out var upload) || await uploads.FindAsync(upload, cancellationToken) is not { } found || found.Owner != caller)
            throw new RefusedException(Refusal.UploadUnknown);
        return found.ExpiresAt > clock.GetUtcNow() ? found : throw new RefusedException(Refusal.UploadExpired);
    }
}

/// <summary>
/// One at a time for each upload on this node. Between nodes the offset decides: of two who go on from the same place one is refused.
/// </summary>
internal sealed class UploadTurns(TimeProvider clock)
{
    /// <summary>How long one waits for the other: as long as it takes to notice that a client has gone, not as long as a transfer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _taken = new();

    /// <returns>Null when somebody else is at it; otherwise dispose of it to let the next one in.</returns>
    public async Task<IDisposable?> TakeAsync(Guid upload, CancellationToken cancellationToken)
    {
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var deadline = clock.GetUtcNow() + Patience;
        while (!_taken.TryAdd(upload, mine))
        {
            if (!_taken.TryGetValue(upload, out var other))
                continue;
            var wait = deadline - clock.GetUtcNow();
            if (wait <= TimeSpan.Zero)
                return null;
            await other.Task.WaitAsync(wait, clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
/// The hashes of uploads that have arrived in part, so that their bytes need not be read again. One that is not here, because the upload came by
/// another node or before a restart, is made from what is stored.
/// </summary>
internal sealed class UploadHashes
{
    private const int HashesMax = 1_000;

    private readonly RecentlyUsed<Guid, (long Offset, IncrementalHash Hash)> _hashes = new(HashesMax);
    private readonly Lock _gate = new();

    /// <summary>The hash over everything before an offset, to go on with; null when it is not known. It is the caller's from then on.</summary>
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

/// <summary>Makes a file of an upload that has arrived.</summary>
internal sealed class UploadFinisher(IUploads uploads, IBlobs blobs, UploadHashes hashes, TimeProvider clock)
{
    private const int BufferSize = 128 * 1024;

    /// <param name="hash">Over all of it; null when it is not known.</param>
    /// <exception cref="RefusedException">Its bytes are not what they were said to be: the upload is gone.</exception>
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
        var kept = await uploads.FinishAsync(upload.Id, new NewFile(
            new FileId(upload.Id), upload.Owner, sha256, upload.Length, upload.FileType, type, upload.Name, clock.GetUtcNow(), parts), cancellationToken);
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
