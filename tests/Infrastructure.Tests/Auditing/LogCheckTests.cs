using System.Globalization;
using System.Text;
using ChatCqrs.Infrastructure.Tests.Tlog;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// Go's own packages for notes and trees check a log of ours, for every size from 0 to 600
/// (<c>tests/LogCheck/main.go</c>).
/// </summary>
public sealed class LogCheckTests : IAsyncLifetime
{
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

        var (code, output) = await GoProgram.RunAsync("", _folder);

        Assert.True(code == 0, output);
        Assert.StartsWith("601 checkpoints, ", output);
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

        var full = new List<ReadOnlyMemory<byte>>();
        foreach (var level in TilesOf(Leaves.Max).GroupBy(tile => tile.Level))
        {
            var bytes = new List<byte>();
            foreach (var tile in level)
                bytes.AddRange((await log.ReadTileAsync(tile, None)).ToArray());
            full.Add(bytes.ToArray());
        }

        using var signer = NoteSigner.Of(AuditDatabase.Origin, NoteSigner.NewKey());
        Write("vkey", Encoding.UTF8.GetBytes(signer.Verifier.ToString()));
        for (var size = 0; size <= Leaves.Max; size++)
        {
            var tree = new TiledTree(size, (tile, _) => ValueTask.FromResult(full[tile.Level!.Value].Slice(
                (int)tile.Start * Digest.Size, tile.Width * Digest.Size)));
            var checkpoint = new Checkpoint(AuditDatabase.Origin, size, await tree.RootAsync(None));
            var note = SignedNote.Sign(checkpoint.ToString(), signer).ToString();
            Write($"checkpoints/{size}", Encoding.UTF8.GetBytes(note));
            foreach (var tile in TilesOf(size))
            {
                var bytes = full[tile.Level!.Value].Slice((int)tile.Start * Digest.Size, tile.Width * Digest.Size);
                Write($"tile/{tile.Path}", bytes.ToArray());
            }

            if (size is > 0 and (< 20 or > 590) or 255 or 256 or 257 or 511 or 512 or 513)
                Write($"proofs/{size}", Encoding.UTF8.GetBytes(await ProofsAsync(tree, size)));
        }

        for (var tile = 0; tile * Tile.WidthMax < Leaves.Max; tile++)
        {
            var width = Math.Min(Tile.WidthMax, Leaves.Max - (tile * Tile.WidthMax));
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
