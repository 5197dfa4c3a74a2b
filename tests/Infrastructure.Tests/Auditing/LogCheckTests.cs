using System.Globalization;
using System.Text;
using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Tests.Tlog;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// Go's own packages for notes and trees check logs of ours, one of them for every size from 0 to 600
/// (<c>tests/LogCheck/main.go</c>).
/// </summary>
public sealed class LogCheckTests : IAsyncLifetime
{
    /// <summary>A full tile and a part of the next one.</summary>
    private const int KeysMax = 280;

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [SkippableFact]
    public async Task Another_implementation_accepts_every_size_and_refuses_every_flipped_byte()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        await WriteAsync();

        await AssertAcceptedAsync(Leaves.Max);
    }

    /// <summary>The notes are those that were published, one after each change.</summary>
    [SkippableFact]
    public async Task Another_implementation_accepts_the_log_of_keys()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var users = Enumerable.Range(0, 7).Select(_ => new UserId(Guid.NewGuid())).ToList();
        var lists = _database.DeviceNode().Lists;
        for (var change = 1; change < KeysMax; change++)
        {
            var statement = await lists.DraftAsync(users[change % users.Count], [], isReset: false, None);
            Assert.IsType<DeviceListOutcome.Logged>(await lists.AppendAsync(statement.Encode(), None));
        }

        var (vkey, published) =
            await _database.Queries.CheckpointsAsync(VerifiableLog.Keys, null, KeysMax, None);
        var notes = published.ToDictionary(checkpoint => (int)checkpoint.Size, checkpoint => checkpoint.Note);
        Assert.Equal(KeysMax, notes.Count);
        using var signer = NoteSigner.Of(
            (await _database.Keys.StateAsync(None))!.Origin, await File.ReadAllBytesAsync(_database.KeyFile));
        notes[0] = Note(signer, 0, MerkleTree.EmptyRoot);
        await WriteAsync(_database.Keys, KeysMax, vkey!, (size, _) => notes[size]);

        await AssertAcceptedAsync(KeysMax);
    }

    private async Task AssertAcceptedAsync(int max)
    {
        var (code, output) = await GoProgram.RunAsync("", _folder);

        Assert.True(code == 0, output);
        Assert.StartsWith($"{max + 1} checkpoints, ", output);
        Assert.DoesNotContain(" 0 ", output);
    }

    private async Task WriteAsync()
    {
        var log = _database.Log;
        byte[][] entries =
            [.. Enumerable.Range(0, Leaves.Max).Select(number => Encoding.UTF8.GetBytes($"entry {number}\n"))];
        await log.CreateAsync(AuditDatabase.Origin, "", entries[0], None);
        await using (var connection = await _database.Source.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            Assert.True(await log.TryAppendAsync(connection, 1, entries[1..], None));
            await transaction.CommitAsync();
        }

        using var signer = NoteSigner.Of(AuditDatabase.Origin, NoteSigner.NewKey());
        await WriteAsync(log, Leaves.Max, signer.Verifier.ToString(), (size, root) => Note(signer, size, root));
    }

    private static string Note(NoteSigner signer, int size, Digest root) => SignedNote.Sign(
        new Checkpoint(signer.Verifier.Name, size, root).ToString(), signer).ToString();

    private async Task WriteAsync(EntryLog log, int max, string vkey, Func<int, Digest, string> noteOf)
    {
        var full = new List<ReadOnlyMemory<byte>>();
        foreach (var level in TilesOf(max).GroupBy(tile => tile.Level))
        {
            var bytes = new List<byte>();
            foreach (var tile in level)
                bytes.AddRange((await log.ReadTileAsync(tile, None)).ToArray());
            full.Add(bytes.ToArray());
        }

        Write("vkey", Encoding.UTF8.GetBytes(vkey));
        for (var size = 0; size <= max; size++)
        {
            var tree = new TiledTree(size, (tile, _) => ValueTask.FromResult(full[tile.Level!.Value].Slice(
                (int)tile.Start * Digest.Size, tile.Width * Digest.Size)));
            Write($"checkpoints/{size}", Encoding.UTF8.GetBytes(noteOf(size, await tree.RootAsync(None))));
            foreach (var tile in TilesOf(size))
            {
                var bytes = full[tile.Level!.Value].Slice((int)tile.Start * Digest.Size, tile.Width * Digest.Size);
                Write($"tile/{tile.Path}", bytes.ToArray());
            }

            if ((size > 0 && (size < 20 || size > max - 10)) || size is 255 or 256 or 257 or 511 or 512 or 513)
                Write($"proofs/{size}", Encoding.UTF8.GetBytes(await ProofsAsync(tree, size)));
        }

        for (var tile = 0; tile * Tile.WidthMax < max; tile++)
        {
            var width = Math.Min(Tile.WidthMax, max - (tile * Tile.WidthMax));
            var bundle = new Tile(null, tile, width);
            Write($"tile/{bundle.Path}", EntryBundle.Encode(await log.EntriesAsync(bundle.Start, width, None)));
        }
    }

    private static IEnumerable<Tile> TilesOf(int size)
    {
        for (var level = 0; Tile.HashesOf(level, size) is > 0 and var hashes; level++)
        {
            for (var tile = 0; tile * Tile.WidthMax < hashes; tile++)
                yield return Tile.Of(level, tile * Tile.WidthMax, size);
        }
    }

    private static async Task<string> ProofsAsync(TiledTree tree, int size)
    {
        var lines = new StringBuilder();
        for (var index = 0; index < size; index += 11)
            Append("inclusion", index, await tree.InclusionAsync(index, None));
        for (var old = 1; old <= size; old += 11)
            Append("consistency", old, await tree.ConsistencyAsync(old, None));
        return lines.ToString();

        void Append(string what, int number, IReadOnlyList<Digest> hashes) => lines
            .Append(CultureInfo.InvariantCulture, $"{what} {number}")
            .AppendJoin("", hashes.Select(hash => $" {hash}")).Append('\n');
    }

    private void Write(string path, byte[] bytes)
    {
        var file = Path.Combine(_folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, bytes);
    }
}
