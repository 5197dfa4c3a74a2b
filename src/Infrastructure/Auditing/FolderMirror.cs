using ChatCqrs.Infrastructure.Blobs;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// A mirror in a folder. A file is written beside, flushed to the disk, and gets its name at once; a folder's entries
/// are flushed, too. The folder itself is never created: where a network's disk is not there, a new folder in its place
/// would be an empty mirror.
/// </summary>
/// <param name="folder">The folder.</param>
internal sealed class FolderMirror(string folder) : IMirrorFiles
{
    /// <summary>Files that are being written. What a kill leaves there means nothing.</summary>
    private const string Arriving = "arriving";

    private readonly string _root = Path.GetFullPath(folder);

    public Task<byte[]?> FindAsync(string path, CancellationToken cancellationToken) =>
        GuardAsync(() => FindOrNullAsync(PlaceOf(path), cancellationToken));

    public Task AddAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var place = PlaceOf(path);
            if (!File.Exists(place))
                await WriteAsync(place, bytes, arriving => FirstFile.Move(arriving, place), cancellationToken);
            return await FindOrNullAsync(place, cancellationToken) is { } there
                && there.AsSpan().SequenceEqual(bytes.Span)
                ? true
                : throw new AuditHaltedException($"Audit:Mirror has another {path} than this server, and keeps it.");
        });

    public Task<bool> ReplaceAsync(
        string path, byte[]? from, ReadOnlyMemory<byte> to, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var place = PlaceOf(path);
            // Of several writers one compares and replaces at a time; the lock ends with its process.
            await using var turn = new FileStream(
                Path.Combine(ArrivingFolder(), path.Replace('/', '-') + ".lock"), FileMode.OpenOrCreate,
                FileAccess.ReadWrite, FileShare.None);
            var there = await FindOrNullAsync(place, cancellationToken);
            if (there is null != from is null || (there is not null && !there.AsSpan().SequenceEqual(from)))
                return false;
            await WriteAsync(
                place, to, arriving => File.Move(arriving, place, overwrite: true), cancellationToken);
            return true;
        });

    public Task RemoveAsync(string folder, CancellationToken cancellationToken) => GuardAsync(() =>
    {
        if (Directory.Exists(PlaceOf(folder)))
            Directory.Delete(PlaceOf(folder), recursive: true);
        return Task.FromResult(true);
    });

    private async Task WriteAsync(
        string place, ReadOnlyMemory<byte> bytes, Action<string> move, CancellationToken cancellationToken)
    {
        var parent = Path.GetDirectoryName(place)!;
        Create(parent);
        var arriving = Path.Combine(ArrivingFolder(), Guid.NewGuid().ToString("N"));
        try
        {
            await using (var file = new FileStream(arriving, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                await file.WriteAsync(bytes, cancellationToken);
                file.Flush(flushToDisk: true);
            }

            move(arriving);
        }
        finally
        {
            File.Delete(arriving);
        }

        FileSync.FlushFolder(parent);
    }

    /// <summary>Creates a folder below the root, and those above it, durably.</summary>
    private void Create(string folder)
    {
        if (Directory.Exists(folder))
            return;
        var parent = Path.GetDirectoryName(folder)!;
        if (folder != _root)
            Create(parent);
        else
            throw new DirectoryNotFoundException($"{_root} does not exist.");
        Directory.CreateDirectory(folder);
        FileSync.FlushFolder(parent);
    }

    private string ArrivingFolder()
    {
        var folder = Path.Combine(_root, Arriving);
        Create(folder);
        return folder;
    }

    private async Task<byte[]?> FindOrNullAsync(string place, CancellationToken cancellationToken)
    {
        if (File.Exists(place))
            return await File.ReadAllBytesAsync(place, cancellationToken);
        return Directory.Exists(_root) ? null : throw new DirectoryNotFoundException($"{_root} does not exist.");
    }

    private string PlaceOf(string path) => Path.Combine(_root, path);

    private static async Task<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MirrorUnavailableException("The folder of Audit:Mirror: " + exception.Message, exception);
        }
    }
}
