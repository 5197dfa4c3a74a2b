using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// Checkpoints that the operator has kept, such as <c>verify log --save</c> writes them: a file with one, or a folder
/// of such files (<c>Audit:LastSeen</c>).
/// </summary>
/// <param name="path">The file or the folder.</param>
internal sealed class LastSeenFiles(string path) : IPublishedElsewhere
{
    /// <summary>Files of the folder; more are refused.</summary>
    private const int FilesMax = 100;

    public string Name => "Audit:LastSeen";

    public async Task<PublishedSize?> NewestAsync(string log, CancellationToken cancellationToken) =>
        (await ReadAsync(path, cancellationToken))
        .Where(note => note.Checkpoint.Origin.EndsWith("/" + log, StringComparison.Ordinal))
        .OrderByDescending(note => note.Checkpoint.Size)
        .Select(note => new PublishedSize(note.Checkpoint.Size, note.Note)).FirstOrDefault();

    /// <summary>Whether the path has checkpoints, and nothing else.</summary>
    public static bool IsReadable(string path)
    {
        try
        {
            return NamesOf(path).Select(File.ReadAllText).Select(LogMirror.Parse).ToList() is { Count: > 0 };
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or AuditHaltedException)
        {
            return false;
        }
    }

    private static async Task<List<(Checkpoint Checkpoint, string Note)>> ReadAsync(
        string path, CancellationToken cancellationToken)
    {
        try
        {
            var notes = new List<(Checkpoint, string)>();
            foreach (var file in NamesOf(path))
            {
                var note = await File.ReadAllTextAsync(file, cancellationToken);
                notes.Add((LogMirror.Parse(note), note));
            }

            return notes;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MirrorUnavailableException("Audit:LastSeen: " + exception.Message, exception);
        }
    }

    private static string[] NamesOf(string path)
    {
        if (!Directory.Exists(path))
            return [path];
        var files = Directory.GetFiles(path);
        return files.Length <= FilesMax
            ? files
            : throw new IOException($"the folder has more than {FilesMax} files.");
    }
}
