namespace ChatCqrs.Client;

/// <summary>
/// Keeps everything in a folder, a file a key, readable by its owner alone. Several processes on one machine may share
/// it: locks are files that the operating system locks, and gives back when a process ends however it ends. Not for
/// network file systems whose locks do not work.
/// </summary>
public sealed class FileStorage : IChatStorage
{
    /// <summary>How long a waiter for a lock waits until it looks again.</summary>
    private static readonly TimeSpan LockEvery = TimeSpan.FromMilliseconds(20);

    private readonly string _folder;
    private readonly TimeProvider _time;

    /// <summary>A store in a folder, which is made where it is missing.</summary>
    /// <param name="folder">The folder; its files are the store's own.</param>
    /// <param name="time">The clock of waiting for a lock; by default the system's.</param>
    public FileStorage(string folder, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        (_folder, _time) = (Path.GetFullPath(folder), time ?? TimeProvider.System);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(_folder);
        else
            Directory.CreateDirectory(
                _folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <inheritdoc/>
    public async ValueTask<string?> ReadAsync(string key, CancellationToken cancellationToken = default)
    {
        try
        {
            return await File.ReadAllTextAsync(PathOf(key), cancellationToken).ConfigureAwait(false);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask WriteAsync(
        string key, string? value, bool durable = true, CancellationToken cancellationToken = default)
    {
        var path = PathOf(key);
        if (value is null)
        {
            File.Delete(path);
            return;
        }

        // A reader, or the next process after a crash, sees the old text or the new one, never a part.
        var fresh = $"{path}.{Guid.NewGuid():n}.new";
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Options = FileOptions.Asynchronous,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            await using (var file = new FileStream(fresh, options))
            {
                await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(value), cancellationToken)
                    .ConfigureAwait(false);
                file.Flush(flushToDisk: durable);
            }

            File.Move(fresh, path, overwrite: true);
        }
        catch
        {
            File.Delete(fresh);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> KeysAsync(string prefix, CancellationToken cancellationToken = default) =>
        new([.. Directory.EnumerateFiles(_folder, "*.txt").Select(KeyOf)
            .Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)]);

    /// <inheritdoc/>
    public async ValueTask<IDisposable> LockAsync(string name, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (await TryLockAsync(name, cancellationToken).ConfigureAwait(false) is { } held)
                return held;
            await Task.Delay(LockEvery, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IDisposable?> TryLockAsync(string name, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return new(new FileStream(
                Path.Combine(_folder, FileOf(name) + ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite,
                FileShare.None));
        }
        catch (IOException locked) when (Directory.Exists(_folder) && locked is not PathTooLongException)
        {
            return new((IDisposable?)null); // Somebody else holds it.
        }
    }

    private string PathOf(string key) => Path.Combine(_folder, FileOf(key) + ".txt");

    private static string FileOf(string key) =>
        key.Length is > 0 and <= 100 && key.All(IsOfKeys)
            ? key.Replace('/', '.')
            : throw new ArgumentException("A key has the letters a-z, digits, - and /, at most 100.", nameof(key));

    private static bool IsOfKeys(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '/';

    private static string KeyOf(string path) => Path.GetFileNameWithoutExtension(path).Replace('.', '/');
}
