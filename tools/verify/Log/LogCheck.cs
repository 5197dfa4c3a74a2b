using System.Globalization;
using ChatCqrs.Verify.Formats;

namespace ChatCqrs.Verify.Log;

/// <summary>
/// Checks a whole log: the checkpoint's signature; that its root follows from all leaves, and the root of an earlier
/// checkpoint from the first ones; that the upper tiles follow from the leaves; and that each entry since the earlier
/// checkpoint is a leaf, and entries go on one after the other (<see cref="EntryCheck"/>). Where the log has changed
/// its key, the earlier checkpoint shows whether the old key has signed the entry that names the new one. Holds a tile
/// and a bundle at a time, and some bytes for each batch and user.
/// </summary>
/// <param name="since">An earlier checkpoint's note; null for none.</param>
/// <param name="save">Where to write the checkpoint once all is well; null for nowhere.</param>
internal sealed class LogCheck(
    LogClient log, IReadOnlyList<VerifierKey> keys, string? since, string? save, Report report)
{
    /// <summary>
    /// How the name of a log of keys ends, all of whose entries are always checked: a second list that follows the
    /// same one is found only where the first one is known.
    /// </summary>
    private const string Keys = "/keys";

    private readonly MerkleFrontier _tree = new();
    private EntryCheck? _entries;

    /// <summary>For each level above the leaves, the hashes of the tile that is being filled.</summary>
    private readonly List<MemoryStream> _upper = [];

    private string _where = "";

    public async Task RunAsync()
    {
        report.Heading("The log");
        try
        {
            _where = "checkpoint";
            var note = await log.CheckpointAsync();
            var earlier = Earlier();
            _where = "checkpoint";
            var isHandedOver = earlier is not null && !SignedNote.Parse(note).IsBy(keys);
            var checkpoint = isHandedOver ? Checkpoint.Unverified(note) : Checkpoint.Open(note, keys);
            if (!isHandedOver)
                ReportSigned(checkpoint);
            CheckGrown(earlier, checkpoint);
            _entries = new EntryCheck(checkpoint.Origin, keys, report);
            await WalkAsync(checkpoint, earlier, isHandedOver ? 0 : earlier?.Size ?? 0);
            CheckKeys(checkpoint, isHandedOver ? earlier : null, note);
            if (save is not null && report.Failures == 0)
                Write(save, note);
        }
        catch (FormatException fault)
        {
            report.Failed("log", _where, fault.Message);
        }
    }

    private Checkpoint? Earlier()
    {
        _where = "--since";
        return since is null ? null : Checkpoint.Open(since, keys);
    }

    private void CheckGrown(Checkpoint? earlier, Checkpoint now)
    {
        if (earlier is null)
            return;
        _where = "--since";
        if (earlier.Origin != now.Origin)
            throw new FormatException("the earlier checkpoint is of another log");
        if (earlier.Size > now.Size)
        {
            throw new FormatException(
                $"the log had {earlier.Size} entries and now has {now.Size}: it has lost some, or shows an old state");
        }
    }

    private void ReportSigned(Checkpoint checkpoint) => report.Passed("checkpoint", string.Create(
        CultureInfo.InvariantCulture,
        $"signed by {checkpoint.SignedBy[0].Name}, {checkpoint.Size} entries"));

    /// <summary>Whether the log's entries name the key that signed, and whether known keys signed that entry.</summary>
    /// <param name="handover">
    /// The checkpoint of a key that was given, if the newest one has none of theirs: what it covers may be believed.
    /// </param>
    private void CheckKeys(Checkpoint checkpoint, Checkpoint? handover, string note)
    {
        _where = "checkpoint";
        var named = _entries!.Named;
        if (handover is not null)
        {
            var covered = named.Where(one => one.Entry < handover.Size).Select(one => one.Key).ToList();
            if (!SignedNote.Parse(note).IsBy(covered))
            {
                throw new FormatException(
                    "it is signed neither by a key that was given, nor by one that the earlier checkpoint covers"
                    + string.Concat(named.Where(one => one.Entry >= handover.Size).Select(one =>
                        $"; entry {one.Entry} names {one.Key}, but no key that was given has signed that entry")));
            }

            ReportSigned(Checkpoint.Open(note, covered));
        }
        else if (named is [(0, _), ..] && !named.Any(one => IsOf(checkpoint, one.Key)))
        {
            throw new FormatException("the log's entries do not name the key that signed it");
        }

        foreach (var (entry, key) in named.Where(one => one.Entry > 0))
            report.Note($"entry {entry} names a further key of the log, to be given as --vkey, too: {key}");
    }

    private static bool IsOf(Checkpoint checkpoint, VerifierKey key) =>
        checkpoint.SignedBy.Any(signer => signer.ToString() == key.ToString());

    /// <param name="since">The first entry that is fetched; of those before it, the hashes are enough.</param>
    private async Task WalkAsync(Checkpoint checkpoint, Checkpoint? earlier, long since)
    {
        CheckRoot(earlier); // Of a log without entries.
        var isOfKeys = checkpoint.Origin.EndsWith(Keys, StringComparison.Ordinal);
        for (long number = 0; number * LogClient.TileWidth < checkpoint.Size; number++)
        {
            var first = number * LogClient.TileWidth;
            var width = (int)Math.Min(LogClient.TileWidth, checkpoint.Size - first);
            _where = $"tile/0/{LogClient.PathOf(number)}";
            var tile = await log.TileAsync(0, number, width);
            var entries = isOfKeys || first + width > since ? await log.EntriesAsync(number, width) : null;
            for (var i = 0; i < width; i++)
            {
                var leaf = tile[(i * Merkle.HashSize)..((i + 1) * Merkle.HashSize)];
                if (entries is not null)
                    CheckEntry(first + i, entries[i], leaf);
                _tree.Add(leaf);
                CheckRoot(earlier);
            }

            if (width == LogClient.TileWidth)
                await RaiseAsync(1, TileRoot(tile), checkpoint);
        }

        await CheckPartialsAsync(checkpoint);
        _where = "checkpoint";
        if (!_tree.Root().AsSpan().SequenceEqual(checkpoint.Root))
            throw new FormatException("its root does not follow from the log's tiles");
        report.Passed("tree", "the checkpoint's root follows from all leaves, and so do the upper tiles");
        _entries!.Conclude();
    }

    /// <summary>At the earlier checkpoint's size the tree must have had the earlier root.</summary>
    private void CheckRoot(Checkpoint? earlier)
    {
        if (earlier is null || _tree.Size != earlier.Size)
            return;
        _where = "--since";
        if (!_tree.Root().AsSpan().SequenceEqual(earlier.Root))
            throw new FormatException($"the log's first {earlier.Size} entries are others than they were");
        report.Passed("since", string.Create(
            CultureInfo.InvariantCulture, $"the {earlier.Size} entries of the earlier checkpoint are unchanged"));
    }

    private void CheckEntry(long index, byte[] bytes, byte[] leaf)
    {
        _where = string.Create(CultureInfo.InvariantCulture, $"entry {index}");
        if (!Merkle.Leaf(bytes).AsSpan().SequenceEqual(leaf))
            throw new FormatException("it is another than the tree has");
        _entries!.Pass(index, Lines.Text(bytes), leaf);
    }

    /// <summary>
    /// Adds the root of a full tile to the tile above it, and compares that with the server's once it is full.
    /// </summary>
    private async Task RaiseAsync(int level, byte[] root, Checkpoint checkpoint)
    {
        while (_upper.Count < level)
            _upper.Add(new MemoryStream());
        var tile = _upper[level - 1];
        tile.Write(root);
        if (tile.Length < LogClient.TileWidth * Merkle.HashSize)
            return;
        var whole = tile.ToArray();
        await CompareAsync(level, whole, checkpoint);
        tile.SetLength(0);
        await RaiseAsync(level + 1, TileRoot(whole), checkpoint);
    }

    private async Task CheckPartialsAsync(Checkpoint checkpoint)
    {
        for (var level = 1; level <= _upper.Count; level++)
        {
            if (_upper[level - 1].Length > 0)
                await CompareAsync(level, _upper[level - 1].ToArray(), checkpoint);
        }
    }

    private async Task CompareAsync(int level, byte[] computed, Checkpoint checkpoint)
    {
        var span = 1L << (8 * level);
        var last = (_tree.Size / span) - 1;
        var number = last / LogClient.TileWidth;
        _where = $"tile/{level}/{LogClient.PathOf(number)}";
        if (!(await log.TileAsync(level, number, computed.Length / Merkle.HashSize)).AsSpan().SequenceEqual(computed))
            throw new FormatException($"the tile does not follow from the {checkpoint.Size} leaves");
    }

    private static byte[] TileRoot(byte[] tile)
    {
        var tree = new MerkleFrontier();
        foreach (var hash in tile.Chunk(Merkle.HashSize))
            tree.Add(hash);
        return tree.Root();
    }

    /// <summary>Replaces the file as a whole, so that an interrupted run leaves the earlier one.</summary>
    private static void Write(string path, string note)
    {
        var arriving = path + ".new";
        File.WriteAllText(arriving, note);
        File.Move(arriving, path, overwrite: true);
    }
}
