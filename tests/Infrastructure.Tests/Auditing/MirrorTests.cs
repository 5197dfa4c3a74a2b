using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>The copy of the logs that somebody else keeps, and what happens while it cannot be written.</summary>
public sealed class MirrorTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private AuditDatabase _database = null!;

    private FolderMirror Mirror => new(_folder);

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task The_mirror_is_what_the_server_shows_byte_for_byte()
    {
        var node = _database.Node(mirror: Mirror);
        await node.AppendAsync(None);
        foreach (var size in new[] { 3, 200, 256, 257, 511, 512, 600 })
        {
            await FillAsync(size - 1);
            await _database.AppendAsync(Some.Stream(), events: 1);
            Assert.NotNull(await node.AppendAsync(None));

            await AssertMirroredAsync(VerifiableLog.Heads, size);
            await AssertMirroredAsync(VerifiableLog.Keys, 1);
        }

        Assert.False(Directory.Exists(Path.Combine(_folder, "heads/tile/0/000.p")), "parts of a full tile are removed");
        Assert.DoesNotContain(
            Directory.GetFiles(Path.Combine(_folder, "arriving")),
            file => !file.EndsWith(".lock", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_mirror_that_is_set_later_is_filled_from_the_first_entry_on()
    {
        await _database.Node().AppendAsync(None);
        await FillAsync(300);
        await _database.Node().AppendAsync(None);
        var shown = await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None);

        Assert.Null(await _database.Node(mirror: Mirror).AppendAsync(None)); // Nothing changed.

        Assert.Equal(shown, await File.ReadAllTextAsync(Path.Combine(_folder, "heads/checkpoint")));
        await AssertMirroredAsync(VerifiableLog.Heads, 300);
    }

    [Fact]
    public async Task What_a_kill_between_the_mirror_and_the_showing_leaves_is_repeated_with_the_same_bytes()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node(mirror: Mirror).AppendAsync(None);
        var (note, files) = (await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None), Files());
        var last = Path.Combine(_folder, "heads/checkpoint");
        foreach (var left in new Action[] { () => { }, () => File.Delete(last), () => Directory.Delete(_folder, true) })
        {
            await _database.ExecuteAsync("UPDATE audit_checkpoints SET published = false WHERE size = 2");
            left();
            Directory.CreateDirectory(_folder);
            Assert.NotEqual(note, await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));

            Assert.Null(await _database.Node(mirror: Mirror).AppendAsync(None));

            Assert.Equal(note, await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
            Assert.All(Files(), file => Assert.Contains(file, files));
            await AssertMirroredAsync(VerifiableLog.Heads, 2);
        }
    }

    [Fact]
    public async Task A_mirror_that_fails_holds_publishing_and_nothing_else()
    {
        var failing = new FailingFiles(Mirror);
        var node = _database.Node(mirror: failing);
        await _database.AppendAsync(Some.Stream(), events: 1);
        await node.AppendAsync(None);
        var note = await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None);
        foreach (var fails in new[] { "heads/tile/", "heads/checkpoint", "" })
        {
            failing.Fails = fails;
            var stream = Some.Stream();
            await _database.AppendAsync(stream, events: 1); // Messages go on.
            await Assert.ThrowsAsync<MirrorUnavailableException>(() => node.AppendAsync(None));
            await Assert.ThrowsAsync<MirrorUnavailableException>(() => node.AppendAsync(None));

            Assert.Equal(note, await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
            failing.Fails = null;
            await node.AppendAsync(None);
            Assert.NotEqual(note, note = await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
            Assert.Equal(note, await File.ReadAllTextAsync(Path.Combine(_folder, "heads/checkpoint")));
        }

        Assert.True(failing.Failed > 5);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_is_not_created()
    {
        var missing = Path.Combine(_folder, "not-mounted");

        await Assert.ThrowsAsync<MirrorUnavailableException>(
            () => _database.Node(mirror: new FolderMirror(missing)).AppendAsync(None));

        Assert.False(Directory.Exists(missing));
        Assert.Null(await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
    }

    [Fact]
    public async Task Other_bytes_in_the_mirror_are_never_overwritten()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node(mirror: Mirror).AppendAsync(None);
        var next = Path.Combine(_folder, "heads/tile/entries/000.p/3");
        await File.WriteAllTextAsync(next, "something else");
        await _database.AppendAsync(Some.Stream(), events: 1);

        var halted = await Assert.ThrowsAsync<AuditHaltedException>(
            () => _database.Node(mirror: Mirror).AppendAsync(None));

        Assert.Contains("heads/tile/entries/000.p/3", halted.Message);
        Assert.Equal("something else", await File.ReadAllTextAsync(next));
        Assert.Equal(2, (await PublishedAsync()).Size);
    }

    [Fact]
    public async Task The_mirror_of_another_log_is_left_as_it_is()
    {
        await _database.Node(mirror: Mirror).AppendAsync(None);
        var files = Files();
        await using var other = await AuditDatabase.CreateAsync();

        await Assert.ThrowsAsync<AuditHaltedException>(
            () => other.Node("else.example.org/v1/audit/heads", mirror: Mirror).AppendAsync(None));

        Assert.Equal(files, Files());
    }

    [Fact]
    public async Task Two_leaders_at_once_leave_the_mirror_as_one_would()
    {
        var (one, other) = (_database.Node(mirror: Mirror), _database.Node(mirror: Mirror));
        for (var round = 0; round < 12; round++)
        {
            await _database.AppendAsync(Some.Stream(), events: 2);
            await Task.WhenAll(OnceAsync(one), OnceAsync(other));
        }

        await one.AppendAsync(None);

        var (size, note) = await PublishedAsync();
        Assert.Equal(note, await File.ReadAllTextAsync(Path.Combine(_folder, "heads/checkpoint")));
        await AssertMirroredAsync(VerifiableLog.Heads, size);

        static async Task OnceAsync(HeadsLog node)
        {
            try
            {
                await node.AppendAsync(None);
            }
            catch (MirrorUnavailableException)
            {
                // The other one writes the checkpoint at this moment; the next run goes on.
            }
        }
    }

    [Fact]
    public async Task Cosignatures_that_come_later_are_in_the_mirror_too()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node(mirror: Mirror).AppendAsync(None);
        var (_, note) = await PublishedAsync();
        using var witness = NoteSigner.Of("witness.example.org", NoteSigner.NewKey());
        var parsed = SignedNote.Parse(note);
        var cosigned = parsed with
        {
            Signatures = [.. parsed.Signatures, Cosignature.Sign(parsed.Text, witness, 1_800_000_000)],
        };
        await _database.ExecuteAsync(
            $"UPDATE audit_checkpoints SET note = '{cosigned}' WHERE log = 'heads' AND size = 2");

        await _database.Node(mirror: Mirror).AppendAsync(None);

        Assert.Equal(cosigned.ToString(), await File.ReadAllTextAsync(Path.Combine(_folder, "heads/checkpoint")));
    }

    /// <summary>Batches up to a size, without their rows.</summary>
    private async Task FillAsync(long size)
    {
        var from = (await _database.Log.StateAsync(None))!.Size;
        var found = await _database.Log.LastAsync(from, record => record is LogRecord.Batch, None);
        var last = found?.Record as LogRecord.Batch;
        var entries = new List<byte[]>();
        for (var number = (last?.Number ?? 0) + 1; from + entries.Count < size; number++)
        {
            var batch = new LogRecord.Batch(
                number, _database.Clock.GetUtcNow(), new(1), 0, MerkleTree.EmptyRoot, 1, MerkleTree.EmptyRoot);
            entries.Add(batch.Encode());
        }

        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        Assert.True(await _database.Log.TryAppendAsync(connection, from, entries, None));
        await transaction.CommitAsync();
    }

    /// <summary>
    /// Every file of the mirror is what the server shows, and every tile of the log is in the mirror.
    /// </summary>
    private async Task AssertMirroredAsync(VerifiableLog log, long size)
    {
        var name = log == VerifiableLog.Heads ? EntryLog.Heads : EntryLog.Keys;
        var root = Path.Combine(_folder, name);
        var note = (await _database.Queries.CheckpointAsync(log, None))!;
        Assert.Equal(size, LogMirror.Parse(note).Size);
        Assert.Equal(note, await File.ReadAllTextAsync(Path.Combine(root, "checkpoint")));
        var there = Directory.GetFiles(Path.Combine(root, "tile"), "*", SearchOption.AllDirectories);
        foreach (var file in there)
        {
            var path = Path.GetRelativePath(Path.Combine(root, "tile"), file);
            var shown = await _database.Queries.TileAsync(log, path, None);
            Assert.True(shown is not null, path);
            Assert.Equal(shown.Value.ToArray(), await File.ReadAllBytesAsync(file));
        }

        for (var level = 0; Tile.HashesOf(level, size) > 0; level++)
        {
            for (var index = 0L; index < Tile.HashesOf(level, size); index += Tile.WidthMax)
                Assert.Contains(Path.Combine(root, "tile", Tile.Of(level, index, size).Path), there);
        }
    }

    private async Task<(long Size, string Note)> PublishedAsync()
    {
        var published = await _database.Queries.CheckpointsAsync(VerifiableLog.Heads, null, 1, None);
        return (published.Checkpoints[0].Size, published.Checkpoints[0].Note);
    }

    private List<string> Files() =>
    [
        .. Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => $"{file} {Convert.ToBase64String(File.ReadAllBytes(file))}"),
    ];

    /// <summary>A mirror whose writes fail by their path's beginning.</summary>
    private sealed class FailingFiles(IMirrorFiles files) : IMirrorFiles
    {
        public string? Fails { get; set; }

        public int Failed { get; private set; }

        public Task<byte[]?> FindAsync(string path, CancellationToken cancellationToken) => Fails == ""
            ? Task.FromException<byte[]?>(Away())
            : files.FindAsync(path, cancellationToken);

        public Task AddAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            IsAway(path) ? Task.FromException(Away()) : files.AddAsync(path, bytes, cancellationToken);

        public Task<bool> ReplaceAsync(
            string path, byte[]? from, ReadOnlyMemory<byte> to, CancellationToken cancellationToken) =>
            IsAway(path)
                ? Task.FromException<bool>(Away())
                : files.ReplaceAsync(path, from, to, cancellationToken);

        public Task RemoveAsync(string folder, CancellationToken cancellationToken) =>
            files.RemoveAsync(folder, cancellationToken);

        private bool IsAway(string path) => Fails is { } fails && path.StartsWith(fails, StringComparison.Ordinal);

        private MirrorUnavailableException Away()
        {
            Failed++;
            return new MirrorUnavailableException("The mirror is away.");
        }
    }
}
