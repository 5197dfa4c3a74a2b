using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Whether a sender may send files: their own, and those that were sent to them. Allowed files are marked as used, so
/// that they are not collected before the read models see the message.
/// </summary>
internal sealed class FilePermissions(
    FileLookUps lookUps, MediaAccess access, IEventStore log, IReadSide readSide)
{
    /// <summary>How long to wait for the views to show a file that was just sent to the sender, on any node.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(3);

    /// <returns>Whether each of the files is the sender's to send.</returns>
    /// <exception cref="StoreUnavailableException">
    /// The files cannot be looked up, or the read models are too far behind to tell.
    /// </exception>
    public async Task<bool> MaySendAsync(UserId sender, IReadOnlyList<FileId> files)
    {
        var seen = readSide.Position; // Before the look-up: the views may show more by its end.
        if (await AreSendersAsync(sender, files))
            return true;
        var head = await log.HeadAsync(CancellationToken.None);
        if (seen >= head)
            return false;
        return await readSide.WaitForAsync(head, WaitMax, CancellationToken.None)
            ? await AreSendersAsync(sender, files)
            : throw new StoreUnavailableException("The read models are too far behind to tell whose a file is.");
    }

    private async Task<bool> AreSendersAsync(UserId sender, IReadOnlyList<FileId> files)
    {
        var found = await lookUps.FindAsync(sender, files);
        if (found.Count < files.Count)
            return false;
        foreach (var file in found)
        {
            if (!await access.MaySeeAsync(file, CancellationToken.None))
                return false;
        }

        return true;
    }
}

/// <summary>
/// Looks up the files of many messages in one query: those that arrive while a query is under way go into the next one.
/// </summary>
internal sealed class FileLookUps(IMedia media, TimeProvider clock)
{
    /// <summary>The most files of one query; the files of one message stay together.</summary>
    public const int QueryMax = 1_000;

    /// <summary>The most messages that wait for a query; further ones are refused with 503.</summary>
    public const int WaitingMax = 20_000;

    private readonly Lock _gate = new();
    private readonly Queue<Waiting> _waiting = new();
    private bool _isRunning;

    /// <returns>Those of the files that exist and that the views show to be the user's own, or sent to them.</returns>
    /// <exception cref="StoreUnavailableException">
    /// The files cannot be looked up, or too many messages wait for that.
    /// </exception>
    public Task<IReadOnlyList<FoundFile>> FindAsync(UserId user, IReadOnlyList<FileId> files)
    {
        var waiting = new Waiting(user, files);
        lock (_gate)
        {
            if (_waiting.Count >= WaitingMax)
                throw new StoreUnavailableException("More files wait to be looked up than may.");
            _waiting.Enqueue(waiting);
            if (!_isRunning)
            {
                _isRunning = true;
                _ = Task.Run(RunAsync, CancellationToken.None);
            }
        }

        return waiting.Found.Task;
    }

    private async Task RunAsync()
    {
        while (Next() is { Count: > 0 } batch)
        {
            try
            {
                var found = await FindAsync(batch);
                foreach (var waiting in batch)
                {
                    waiting.Found.SetResult(
                        [.. waiting.Files.Select(file => found.GetValueOrDefault((waiting.User, file)))
                            .OfType<FoundFile>()]);
                }
            }
            catch (Exception exception)
            {
                foreach (var waiting in batch)
                    waiting.Found.TrySetException(exception); // The message's own answer tells it.
            }
        }
    }

    private List<Waiting> Next()
    {
        var (batch, files) = (new List<Waiting>(), 0);
        lock (_gate)
        {
            while (_waiting.TryPeek(out var next)
                && (batch.Count == 0 || files + next.Files.Count <= QueryMax))
            {
                files += next.Files.Count;
                batch.Add(_waiting.Dequeue());
            }

            _isRunning = batch.Count > 0;
        }

        return batch;
    }

    private async Task<Dictionary<(UserId, FileId), FoundFile>> FindAsync(List<Waiting> batch)
    {
        var pairs = batch.SelectMany(waiting => waiting.Files, (waiting, file) => (waiting.User, file)).ToHashSet();
        var found = (await media.FindForAsync(pairs, CancellationToken.None)).Where(file => file.IsShown).ToList();
        if (found.Count == 0)
            return [];
        var there = await media.TouchAsync(
            found.Select(file => file.File).ToHashSet(), clock.GetUtcNow(), CancellationToken.None);
        return found.Where(file => there.Contains(file.File)).ToDictionary(file => (file.User, file.File));
    }

    private sealed record Waiting(UserId User, IReadOnlyList<FileId> Files)
    {
        public TaskCompletionSource<IReadOnlyList<FoundFile>> Found { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
