using System.Text;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Auditing;

/// <summary>
/// A copy of both logs in the served layout (c2sp.org/tlog-tiles@v0.1.0): <c>heads/checkpoint</c>, <c>heads/tile/..</c>
/// and the same under <c>keys</c>. Entries and tiles are written before their checkpoint, and the checkpoint before the
/// server shows it. A write that was cut short is repeated with the same bytes; what the mirror has is never replaced
/// by something else, but for the checkpoint by a later one.
/// </summary>
internal sealed class LogMirror(IMirrorFiles files) : IPublishedElsewhere
{
    private const string Checkpoint = "checkpoint";

    public string Name => "Audit:Mirror";

    public async Task<PublishedSize?> NewestAsync(string log, CancellationToken cancellationToken) =>
        await CheckpointAsync(log, cancellationToken) is { } note
            ? new PublishedSize(Parse(note).Size, note)
            : null;

    /// <summary>The mirror's checkpoint; null while it has none.</summary>
    public async Task<string?> CheckpointAsync(string log, CancellationToken cancellationToken) =>
        await files.FindAsync($"{log}/{Checkpoint}", cancellationToken) is { } bytes
            ? Encoding.UTF8.GetString(bytes)
            : null;

    /// <summary>
    /// Writes what the mirror lacks of the log, then the checkpoint. An empty mirror is filled from the first entry on.
    /// </summary>
    /// <param name="log">The log, which has at least this size.</param>
    /// <param name="size">The checkpoint's size.</param>
    /// <param name="note">The checkpoint as it is shown.</param>
    /// <param name="cancellationToken">Ends the writing; the next one goes on.</param>
    /// <exception cref="AuditHaltedException">The mirror has something else.</exception>
    /// <exception cref="MirrorUnavailableException">It cannot be read or written.</exception>
    public async Task WriteAsync(EntryLog log, long size, string note, CancellationToken cancellationToken)
    {
        var there = await CheckpointAsync(log.Name, cancellationToken);
        if (there == note)
            return;
        var old = there is null ? null : Parse(there);
        await CheckAsync(log, old, Parse(note), cancellationToken);
        if (old is not null && old.Size > size)
            return; // Another leader was faster.
        foreach (var tile in TilesOf(old?.Size ?? 0, size))
        {
            await files.AddAsync(
                PathOf(log.Name, tile), await BytesAsync(log, tile, cancellationToken), cancellationToken);
        }

        if (!await files.ReplaceAsync(
            $"{log.Name}/{Checkpoint}", there is null ? null : Encoding.UTF8.GetBytes(there),
            Encoding.UTF8.GetBytes(note), cancellationToken))
            throw new MirrorUnavailableException("Another node writes to Audit:Mirror at the same time.");
        foreach (var tile in FilledTiles(old?.Size ?? 0, size))
            await files.RemoveAsync(PathOf(log.Name, tile) + ".p", cancellationToken);
    }

    /// <summary>The tree of the mirror's entries, by its tiles.</summary>
    /// <param name="log">The log's name.</param>
    /// <param name="size">The size of the mirror's checkpoint.</param>
    public TiledTree TreeOf(string log, long size) => new(
        size, async (tile, cancelled) => (await WholeOrPartAsync(log, tile, cancelled)).AsMemory() is var bytes
            && bytes.Length >= tile.Width * Digest.Size
            ? bytes[..(tile.Width * Digest.Size)]
            : throw new InvalidDataException($"The mirror's tile {tile.Path} has {bytes.Length} bytes."));

    /// <summary>The mirror's entries of one bundle.</summary>
    /// <param name="log">The log's name.</param>
    /// <param name="start">The first entry.</param>
    /// <param name="size">The size of the mirror's checkpoint.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>From <paramref name="start"/> to the end of its bundle.</returns>
    /// <exception cref="InvalidDataException">The bundle has too few entries.</exception>
    public async Task<IReadOnlyList<byte[]>> EntriesAsync(
        string log, long start, long size, CancellationToken cancellationToken)
    {
        var tile = Tile.Of(0, start, size) with { Level = null };
        var entries = EntryBundle.Decode(await WholeOrPartAsync(log, tile, cancellationToken));
        return entries.Count >= tile.Width
            ? [.. entries.Take(tile.Width).Skip((int)(start - tile.Start))]
            : throw new InvalidDataException($"The mirror's bundle {tile.Path} has {entries.Count} entries.");
    }

    /// <exception cref="AuditHaltedException">The note is no checkpoint.</exception>
    public static Checkpoint Parse(string note)
    {
        try
        {
            return Tlog.Checkpoint.Parse(SignedNote.Parse(note).Text);
        }
        catch (FormatException exception)
        {
            throw new AuditHaltedException("A checkpoint that was kept cannot be read: " + exception.Message);
        }
    }

    /// <summary>A partial tile is removed once the full one is there.</summary>
    private async Task<byte[]> WholeOrPartAsync(string log, Tile tile, CancellationToken cancellationToken) =>
        await files.FindAsync(PathOf(log, tile), cancellationToken)
        ?? await files.FindAsync(PathOf(log, tile with { Width = Tile.WidthMax }), cancellationToken)
        ?? throw new InvalidDataException($"The mirror of {log} has no {tile.Path}.");

    /// <summary>The mirror must hold the same log: of another one nothing is touched.</summary>
    private static async Task CheckAsync(
        EntryLog log, Checkpoint? there, Checkpoint ours, CancellationToken cancellationToken)
    {
        if (there is null)
            return;
        if (there.Origin != ours.Origin)
            throw new AuditHaltedException($"Audit:Mirror holds the log {there.Origin}, not {ours.Origin}.");
        if (there.Size <= ours.Size && await log.TreeOf(there.Size).RootAsync(cancellationToken) != there.Root)
            throw new AuditHaltedException($"Audit:Mirror has other entries than the log {ours.Origin}.");
    }

    private async Task<ReadOnlyMemory<byte>> BytesAsync(
        EntryLog log, Tile tile, CancellationToken cancellationToken) => tile.Level is null
        ? EntryBundle.Encode(await log.EntriesAsync(tile.Start, tile.Width, cancellationToken))
        : await log.ReadTileAsync(tile, cancellationToken);

    /// <summary>The tiles and bundles that a log of one size has and a smaller one has not.</summary>
    private static IEnumerable<Tile> TilesOf(long old, long size)
    {
        for (var level = 0; Tile.HashesOf(level, size) is > 0 and var hashes; level++)
        {
            if (Tile.HashesOf(level, old) is var there && there == hashes)
                continue;
            for (var index = there / Tile.WidthMax; index * Tile.WidthMax < hashes; index++)
            {
                var tile = Tile.Of(level, index * Tile.WidthMax, size);
                yield return tile;
                if (level == 0)
                    yield return tile with { Level = null };
            }
        }
    }

    /// <summary>The tiles of which the smaller log had a part, and the other one has the whole.</summary>
    private static IEnumerable<Tile> FilledTiles(long old, long size) => TilesOf(old, size).Where(tile =>
        tile.Width == Tile.WidthMax && Tile.HashesOf(tile.Level ?? 0, old) > tile.Start);

    private static string PathOf(string log, Tile tile) => $"{log}/tile/{tile.Path}";
}
