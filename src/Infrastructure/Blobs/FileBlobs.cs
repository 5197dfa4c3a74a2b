using System.Buffers;
using ChatCqrs.Application.Ports;

namespace ChatCqrs.Infrastructure.Blobs;

/// <summary>
/// Blobs as files in a folder that all nodes share. A write is atomic: it fills a temporary file, flushes it to disk
/// and renames it.
/// </summary>
internal sealed class FileBlobs : IBlobs
{
    private const int BufferSize = 128 * 1024;

    private readonly string _root;
    private readonly string _arriving;

    /// <param name="folder">Created if it is missing.</param>
    public FileBlobs(string folder)
    {
        _root = Path.GetFullPath(folder);
        _arriving = Path.Combine(_root, "arriving");
        Directory.CreateDirectory(_root);
        Directory.CreateDirectory(_arriving);
    }

    public Task<long> PutAsync(
        BlobKey key, Stream content, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var arriving = ArrivingOf(key);
        long size;
        try
        {
            size = await WriteAsync(arriving, content, cancellationToken);
        }
        catch
        {
            File.Delete(arriving);
            throw;
        }

        var place = PlaceOf(key);
        var folder = Path.GetDirectoryName(place)!;
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            FileSync.FlushFolder(_root);
        }

        File.Move(arriving, place, overwrite: true);
        FileSync.FlushFolder(folder);
        return size;
    });

    public Task<Stream?> OpenAsync(
        BlobKey key, long offset, CancellationToken cancellationToken) => GuardAsync<Stream?>(() =>
    {
        try
        {
            var stream = new FileStream(PlaceOf(key), new FileStreamOptions
            {
                Mode = FileMode.Open,
                Access = FileAccess.Read,
                Share = FileShare.Read | FileShare.Delete,
                BufferSize = 0,
                Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
            })
            { Position = offset };
            return Task.FromResult<Stream?>(stream);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return Task.FromResult<Stream?>(null);
        }
    });

    public Task DeleteAsync(BlobKey key, CancellationToken cancellationToken) => GuardAsync(() =>
    {
        File.Delete(ArrivingOf(key));
        var place = PlaceOf(key);
        if (File.Exists(place))
            File.Delete(place);
        return Task.FromResult(true);
    });

    private static async Task<long> WriteAsync(string path, Stream content, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            await using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                Share = FileShare.None,
                BufferSize = 0,
                Options = FileOptions.Asynchronous,
            });
            int read;
            while ((read = await content.ReadAsync(buffer, cancellationToken)) > 0)
                await file.WriteAsync(buffer.AsMemory(0, read), CancellationToken.None);
            RandomAccess.FlushToDisk(file.SafeFileHandle);
            return file.Length;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Spreads files over 256 folders by the key's last byte, which is random.</summary>
    private string PlaceOf(BlobKey key)
    {
        var name = key.ToString();
        return Path.Combine(_root, name[^2..], name);
    }

    private string ArrivingOf(BlobKey key) => Path.Combine(_arriving, key.ToString());

    /// <summary>
    /// Translates errors of the disk, which may pass, into <see cref="StoreUnavailableException"/>. Exceptions of the
    /// content's own stream propagate unchanged.
    /// </summary>
    private static async Task<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (IOException exception)
            when (exception is not Microsoft.AspNetCore.Http.BadHttpRequestException && IsDiskError(exception))
        {
            throw new StoreUnavailableException(
                "The folder of the media cannot be used: " + exception.Message, exception);
        }
    }

    /// <summary>
    /// Linux error numbers in <see cref="Exception.HResult"/>: EIO (5), ENOSPC (28), EROFS (30), EDQUOT (122).
    /// </summary>
    private static bool IsDiskError(IOException exception) =>
        exception.HResult is 5 or 28 or 30 or 122 || exception is DirectoryNotFoundException;
}
