using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>The change of the key that signs the logs.</summary>
public sealed class KeyRotationTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private AuditDatabase _database = null!;
    private string _next = "";

    private string Old => AuditDatabase.VkeyOf(_database.KeyFile);
    private string New => AuditDatabase.VkeyOf(_next);

    public async Task InitializeAsync()
    {
        _database = await AuditDatabase.CreateAsync();
        _next = _database.NewKeyFile();
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task The_old_key_signs_that_the_new_one_follows_then_both_sign_then_the_new_one_alone()
    {
        await AppendAsync(Before());
        Assert.Equal("old: old", await SignersAsync());

        await AppendAsync(Both());
        Assert.Equal("old: old new", await SignersAsync());
        foreach (var log in new[] { EntryLog.Heads, EntryLog.Keys })
        {
            var entries = await new EntryLog(log, _database.Source).EntriesAsync(0, 100, None);
            var key = Assert.Single(entries.Select(entry => LogRecord.Parse(entry)).OfType<LogRecord.Key>());
            Assert.Equal(AuditDatabase.VkeyOf(_next, log), key.Vkey);
        }

        await AppendAsync(Both()); // It is announced once.
        Assert.Equal("old: old new", await SignersAsync());
        Assert.Equal(5, (await _database.Log.StateAsync(None))!.Size);

        Assert.Null(await After().AppendAsync(None)); // Nothing new; the newest checkpoint has both signatures.
        Assert.Equal("new: old new", await SignersAsync());
        await AppendAsync(After());
        Assert.Equal("new: new", await SignersAsync());
    }

    [Fact]
    public async Task A_node_that_was_restarted_before_the_others_does_not_go_back()
    {
        await AppendAsync(Before());
        await AppendAsync(Both());
        await AppendAsync(Before()); // It does not know the next key yet.
        Assert.Equal("old: old", await SignersAsync());
        await AppendAsync(After());
        Assert.Equal("new: new", await SignersAsync());
        await AppendAsync(Both());
        Assert.Equal("new: new", await SignersAsync());

        var halted = await Assert.ThrowsAsync<AuditHaltedException>(() => Before().AppendAsync(None));
        Assert.Contains("Audit:KeyFile is not the key", halted.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_that_only_the_old_key_has_signed_gets_the_new_keys_signature()
    {
        await AppendAsync(Both());
        await AppendAsync(Before());
        Assert.Equal("old: old", await SignersAsync());

        Assert.Null(await After().AppendAsync(None));

        Assert.Equal("new: old new", await SignersAsync());
    }

    [Fact]
    public async Task A_key_that_the_old_one_has_not_announced_does_not_sign()
    {
        await AppendAsync(Before());
        await Assert.ThrowsAsync<AuditHaltedException>(() => After().AppendAsync(None));

        // Killed after the entry was committed, before it was signed.
        await KeyRotation.AnnounceAsync(
            _database.Source, _database.Log, 2, new LogRecord.Key(_database.Clock.GetUtcNow(), New), None);
        var halted = await Assert.ThrowsAsync<AuditHaltedException>(() => After().AppendAsync(None));
        Assert.Contains("has not signed yet", halted.Message, StringComparison.Ordinal);

        await AppendAsync(Both());
        await AppendAsync(After());
        Assert.Equal("new: new", await SignersAsync());
    }

    [Fact]
    public async Task Two_nodes_at_once_announce_a_key_once()
    {
        await AppendAsync(Before());
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Both().AppendAsync(None)));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => After().AppendAsync(None)));

        var entries = await _database.Log.EntriesAsync(0, 100, None);
        Assert.Single(entries.Select(entry => LogRecord.Parse(entry)).OfType<LogRecord.Key>());
        Assert.Equal(New, (await _database.Log.StateAsync(None))!.Vkey);
    }

    [Fact]
    public async Task The_last_checkpoint_of_the_old_key_is_kept_for_ever()
    {
        await AppendAsync(Both());
        await AppendAsync(After());
        for (var days = 0; days < 3; days++)
        {
            _database.Clock.GoOn(TimeSpan.FromDays(2));
            await AppendAsync(After());
        }

        var kept = (await _database.Queries.CheckpointsAsync(VerifiableLog.Heads, null, 100, None)).Checkpoints;
        var handover = SignedNote.Parse(kept[^1].Note);
        Assert.Equal([Old, New], handover.Verify(VerifierKey.Parse(Old), VerifierKey.Parse(New))
            .Select(key => key.ToString()));
        Assert.True(kept.Count < 5, $"{kept.Count} checkpoints"); // The others were deleted.
    }

    [Fact]
    public async Task Proofs_hold_through_the_change()
    {
        var conversation = new ConversationId(Guid.NewGuid());
        await _database.AppendAsync(StreamName.Of(conversation), events: 1);
        foreach (var (node, key) in new[] { (Before(), Old), (Both(), Old), (Both(), New), (After(), New) })
        {
            await AppendAsync(node);
            var proof = TlogProof.Parse((await _database.Queries.ProofAsync(conversation, None))!);
            var note = SignedNote.Parse(proof.Checkpoint);
            note.Verify(VerifierKey.Parse(key));
            var checkpoint = Checkpoint.Parse(note.Text);
            Assert.True(MerkleProof.Includes(
                proof.Index, checkpoint.Size, MerkleTree.Leaf(HeadProof.Parse(proof.Extra).Batch.Encode()),
                checkpoint.Root, proof.Hashes));
        }
    }

    [SkippableFact]
    public async Task Another_implementation_follows_the_change_and_refuses_a_key_that_the_old_one_did_not_cover()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        foreach (var node in new[] { Before(), Both(), Both(), After(), After() })
            await AppendAsync(node);
        var folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
        await WriteAsync(folder);

        var (code, output) = await GoProgram.RunAsync("rotation", folder);
        Assert.True(code == 0, output);
        Assert.Equal($"{Old}\n{New}\n", output);

        foreach (var file in Directory.GetFiles(Path.Combine(folder, "checkpoints")))
        {
            if (File.ReadAllText(file) is var note && SignedNote.Parse(note).Signatures.Count == 2)
                File.Delete(file); // Without those of both, the old key covers nothing.
        }

        (code, output) = await GoProgram.RunAsync("rotation", folder);
        Assert.True(code == 1 && output.Contains("no verifiable signatures", StringComparison.Ordinal), output);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Nodes as they are set before, while and after the key changes.</summary>
    private HeadsLog Before() => _database.Node();
    private HeadsLog Both() => _database.Node(change: set => set with { NextKeyFile = _next });
    private HeadsLog After() => _database.Node(keyFile: _next);

    private async Task AppendAsync(HeadsLog node)
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        Assert.NotNull(await node.AppendAsync(None));
    }

    /// <summary>Whose vkey is shown, and whose signatures the newest checkpoint has.</summary>
    private async Task<string> SignersAsync()
    {
        var shown = await _database.Queries.CheckpointsAsync(VerifiableLog.Heads, null, 1, None);
        var note = SignedNote.Parse(shown.Checkpoints[0].Note);
        var keys = note.Signatures.Select(line =>
            (note with { Signatures = [line] }).Verify(VerifierKey.Parse(Old), VerifierKey.Parse(New))[0].ToString());
        return $"{NameOf(shown.Vkey!)}: {string.Join(' ', keys.Select(NameOf))}";
    }

    private string NameOf(string vkey) => vkey == Old ? "old" : vkey == New ? "new" : vkey;

    private async Task WriteAsync(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "checkpoints"));
        File.WriteAllText(Path.Combine(folder, "vkey"), Old);
        foreach (var checkpoint in
            (await _database.Queries.CheckpointsAsync(VerifiableLog.Heads, null, 100, None)).Checkpoints)
        {
            File.WriteAllText(
                Path.Combine(folder, "checkpoints", TextLines.OfNumber(checkpoint.Size)), checkpoint.Note,
                new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        }

        var size = (int)(await _database.Log.StateAsync(None))!.Size;
        var bundle = Path.Combine(folder, "tile", new Tile(null, 0, size).Path);
        Directory.CreateDirectory(Path.GetDirectoryName(bundle)!);
        File.WriteAllBytes(
            bundle, (await _database.Queries.TileAsync(VerifiableLog.Heads, $"entries/000.p/{size}", None))!.Value
                .ToArray());
    }
}
