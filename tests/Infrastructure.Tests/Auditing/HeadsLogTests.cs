using System.Runtime.InteropServices;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>Batches of heads, over the event log in PostgreSQL.</summary>
public sealed class HeadsLogTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_proof_leads_from_a_streams_last_hash_to_the_signed_checkpoint()
    {
        var conversations = Enumerable.Range(0, 300).Select(_ => new ConversationId(Guid.NewGuid())).ToList();
        foreach (var conversation in conversations)
            await _database.AppendAsync(StreamName.Of(conversation), events: 3);
        var node = _database.Node();
        Assert.Null(await _database.Queries.ProofAsync(conversations[0], None));

        var first = await node.AppendAsync(None);
        Assert.Equal((1, 300, 900), (first!.Entry.Number, first.Entry.Heads, first.Events));
        foreach (var conversation in conversations.Take(20))
            Assert.Equal((0, 2), await AssertProvenAsync(conversation));

        await _database.AppendAsync(StreamName.Of(conversations[5]), events: 2);
        await _database.AppendAsync(StreamName.OfReceipts(conversations[5]), events: 1);
        var unlogged = _database.HashOf(StreamName.Of(conversations[5]));
        Assert.Equal((0, 2), await AssertProvenAsync(conversations[5], unlogged));
        Assert.Equal(2, (await node.AppendAsync(None))!.Entry.Heads);
        Assert.Equal((3, 4), await AssertProvenAsync(conversations[5]));
        Assert.Equal((0, 2), await AssertProvenAsync(conversations[6]));
        Assert.Null(await _database.Queries.ProofAsync(new ConversationId(Guid.NewGuid()), None));
    }

    [Fact]
    public async Task Batches_remade_from_the_log_equal_those_stored()
    {
        var (random, node) = (new Random(4711), _database.Node());
        string[] streams = [.. Enumerable.Range(0, 40).Select(_ => Some.Stream())];
        for (var batch = 0; batch < 6; batch++)
        {
            for (var append = 0; append < 30; append++)
                await _database.AppendAsync(streams[random.Next(streams.Length)], random.Next(1, 6));
            Assert.NotNull(await node.AppendAsync(None));
        }

        var after = LogPosition.Start;
        var covered = new Dictionary<string, long>();
        foreach (var (entry, openings, leaves) in await StoredAsync())
        {
            var remade = await _database.Node().RemakeAsync(after, entry.Position, None);
            Assert.Equal(openings, remade);
            var secrets = await _database.Secrets.FindAsync(
                [.. remade.Select(opening => Opening.SecretOf(opening.Stream))], None);
            var salted = remade.Select(opening => MerkleTree.Leaf(
                opening.Salted(secrets[Opening.SecretOf(opening.Stream)], entry.Number).Encode())).ToArray();
            Assert.Equal(leaves, salted);
            Assert.Equal(entry.Root, MerkleTree.Root(salted));
            Assert.Equal(openings.Select(opening => opening.Stream).Order(StringComparer.Ordinal),
                openings.Select(opening => opening.Stream));
            foreach (var opening in openings)
            {
                Assert.Equal(covered.GetValueOrDefault(opening.Stream, -1) + 1, opening.First); // They tile the stream.
                covered[opening.Stream] = opening.Last;
            }

            after = entry.Position;
        }

        Assert.Equal(await _database.Store.HeadAsync(None), after);
    }

    [Fact]
    public async Task Two_leaders_at_once_publish_one_head_a_size()
    {
        var (one, other) = (_database.Node(), _database.Node());
        var appended = new List<AppendedBatch>();
        for (var round = 0; round < 12; round++)
        {
            await _database.AppendAsync(Some.Stream(), events: 2);
            var both = await Task.WhenAll(one.AppendAsync(None), other.AppendAsync(None));
            appended.AddRange(both.OfType<AppendedBatch>());
        }

        var entries = await _database.Log.EntriesAsync(0, 100, None);
        var numbers = appended.Select(batch => batch.Entry.Number).ToList();
        Assert.Equal(numbers.Order(), numbers);
        Assert.Equal(
            Enumerable.Range(1, appended.Count).Select(number => (long)number),
            entries.Skip(1).Select(entry => ((LogRecord.Batch)LogRecord.Parse(entry)).Number));
        var published = (await _database.Queries.CheckpointsAsync(VerifiableLog.Heads, null, 100, None)).Checkpoints;
        Assert.Equal(entries.Count, published[0].Size);
        Assert.Equal(published.Count, published.Select(checkpoint => checkpoint.Size).Distinct().Count());
        Digest[] leaves = [.. entries.Select(entry => MerkleTree.Leaf(entry))];
        Assert.All(published, checkpoint => Assert.Equal(
            MerkleTree.Root(leaves.AsSpan(0, (int)checkpoint.Size)).ToString(), checkpoint.Root));
    }

    [Fact]
    public async Task What_a_kill_leaves_unsigned_is_signed_with_the_same_bytes()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node().AppendAsync(None);
        var note = await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None);
        foreach (var left in new[] { "DELETE FROM", "UPDATE" })
        {
            await _database.ExecuteAsync(left == "UPDATE"
                ? "UPDATE audit_checkpoints SET published = false WHERE size = 2"
                : "DELETE FROM audit_checkpoints WHERE size = 2");
            Assert.NotEqual(note, await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));

            Assert.Null(await _database.Node().AppendAsync(None));

            Assert.Equal(note, await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
        }
    }

    [Fact]
    public async Task What_a_kill_leaves_uncommitted_never_was()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node().AppendAsync(None);
        await using (var connection = await _database.Source.OpenConnectionAsync())
        await using (await connection.BeginTransactionAsync())
        {
            Assert.True(await _database.Log.TryAppendAsync(connection, 2, ["lost\n"u8.ToArray()], None));
        }

        await _database.AppendAsync(Some.Stream(), events: 1);
        Assert.Equal(2, (await _database.Node().AppendAsync(None))!.Entry.Number);
        Assert.Equal(3, (await _database.Log.EntriesAsync(0, 10, None)).Count);
    }

    [Fact]
    public async Task A_deposed_leader_appends_nothing()
    {
        await _database.Node().AppendAsync(None);
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();

        Assert.False(await _database.Log.TryAppendAsync(connection, 0, ["late\n"u8.ToArray()], None));
    }

    [Fact]
    public async Task Nothing_is_appended_where_nothing_changed_but_for_a_sign_of_life()
    {
        var node = _database.Node();
        await _database.AppendAsync(Some.Stream(), events: 1);
        Assert.NotNull(await node.AppendAsync(None));
        Assert.Null(await node.AppendAsync(None));

        _database.Clock.GoOn(HeadsLog.SignOfLife);
        var alive = await node.AppendAsync(None);

        Assert.Equal((2, 0, MerkleTree.EmptyRoot), (alive!.Entry.Number, alive.Entry.Heads, alive.Entry.Root));
        Assert.Equal(await _database.Store.HeadAsync(None), alive.Entry.Position);
        Assert.Null(await node.AppendAsync(None));
    }

    [Fact]
    public async Task A_clock_that_was_set_back_gives_no_earlier_time()
    {
        var node = _database.Node();
        await _database.AppendAsync(Some.Stream(), events: 1);
        var first = await node.AppendAsync(None);
        _database.Clock.GoOn(-TimeSpan.FromHours(3));
        await _database.AppendAsync(Some.Stream(), events: 1);

        Assert.Equal(first!.Entry.Time, (await node.AppendAsync(None))!.Entry.Time);
    }

    [Fact]
    public async Task Heads_of_batches_that_are_not_kept_move_to_the_current_one()
    {
        var (idle, busy) = (new ConversationId(Guid.NewGuid()), new ConversationId(Guid.NewGuid()));
        await _database.AppendAsync(StreamName.Of(idle), events: 2);
        await _database.AppendAsync(StreamName.Of(busy), events: 2);
        var node = _database.Node();
        await node.AppendAsync(None);
        for (var days = 0; days < 3; days++) // The head moves again and again.
        {
            _database.Clock.GoOn(TimeSpan.FromDays(2));
            await _database.AppendAsync(StreamName.Of(busy), events: 1);
            await node.AppendAsync(None);

            Assert.Equal((0, 1), await AssertProvenAsync(idle));
            Assert.Equal((2 + days, 2 + days), await AssertProvenAsync(busy));
        }

        Assert.Single(await StoredAsync());
        Assert.Null(await _database.Queries.HeadsAsync(1, None));
        Assert.Null(await _database.Queries.BatchTileAsync(1, "0/000.p/2", None));
        Assert.NotNull(await _database.Queries.BatchTileAsync(4, "0/000.p/2", None));
    }

    [Fact]
    public async Task Another_key_and_another_origin_do_not_sign()
    {
        await _database.Node().AppendAsync(None);
        var key = _database.KeyFile + ".other";
        File.WriteAllBytes(key, NoteSigner.NewKey());

        await Assert.ThrowsAsync<AuditHaltedException>(() => _database.Node(keyFile: key).AppendAsync(None));
        await Assert.ThrowsAsync<AuditHaltedException>(() => _database.Node("else/heads").AppendAsync(None));
        Assert.Null(await _database.Node(origin: null).AppendAsync(None));
    }

    [Fact]
    public async Task Without_an_origin_one_is_made_up_once_and_the_other_log_is_beside_it()
    {
        await _database.Node(origin: null).AppendAsync(None);
        await _database.Node(origin: null).AppendAsync(None);

        var heads = (await _database.Log.StateAsync(None))!.Origin;
        Assert.Matches("^localhost/[0-9a-f]{8}/heads$", heads);
        Assert.Equal(
            heads.Replace("/heads", "/keys", StringComparison.Ordinal),
            (await new EntryLog(EntryLog.Keys, _database.Source).StateAsync(None))!.Origin);
    }

    [Fact]
    public async Task Only_published_heads_cover_the_log()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        Assert.Equal(LogPosition.Start, await _database.Queries.CoveredAsync(None));
        await _database.Node().AppendAsync(None);
        var covered = await _database.Store.HeadAsync(None);
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node().AppendAsync(None);
        await _database.ExecuteAsync("UPDATE audit_checkpoints SET published = false WHERE size = 3");

        Assert.Equal(covered, await _database.Queries.CoveredAsync(None));
        Assert.Null(await _database.Queries.HeadsAsync(2, None));
        Assert.Null(await _database.Queries.TileAsync(VerifiableLog.Heads, "0/000.p/3", None));
    }

    [Fact]
    public async Task The_heads_of_a_batch_hash_to_its_leaves()
    {
        for (var stream = 0; stream < 300; stream++)
            await _database.AppendAsync(Some.Stream(), events: 1);
        var batch = (await _database.Node().AppendAsync(None))!.Entry;

        var leaves = new List<Digest>();
        await foreach (var head in (await _database.Queries.HeadsAsync(1, None))!)
            leaves.Add(MerkleTree.Leaf(Encoding.UTF8.GetBytes(head)));

        Assert.Equal(batch.Root, MerkleTree.Root(CollectionsMarshal.AsSpan(leaves)));
        var tile = await _database.Queries.BatchTileAsync(1, "1/000.p/1", None);
        Assert.Equal(
            MerkleTree.Root(CollectionsMarshal.AsSpan(leaves)[..256]).ToArray(), tile!.Value.ToArray());
        Assert.Null(await _database.Queries.BatchTileAsync(1, "0/001.p/45", None));
        Assert.Null(await _database.Queries.BatchTileAsync(1, "entries/000", None));
    }

    /// <summary>A salt that others could guess would tell them who writes to whom.</summary>
    [Fact]
    public async Task The_same_head_has_another_leaf_in_each_batch()
    {
        var opening = new Opening(Some.Stream(), 0, 1, Digest.Zero, Digest.Zero, Digest.Zero);
        var secrets = await _database.Secrets.EnsureAsync(["audit:one", "audit:other"], None);

        Assert.Equal(
            4,
            new[] { opening.Salted(secrets["audit:one"], 1), opening.Salted(secrets["audit:one"], 2),
                opening.Salted(secrets["audit:other"], 1), opening.Salted(null, 1) }
                .Select(head => head.Salt).Distinct().Count());
        await _database.Secrets.ShredAsync("audit:one", None);
        Assert.Equal(
            ["audit:other"], (await _database.Secrets.EnsureAsync(["audit:one", "audit:other"], None)).Keys);
    }

    [Fact]
    public void Every_stream_of_the_product_has_heads() =>
        Assert.All(StreamName.Prefixes, prefix =>
        {
            var opening = new Opening(
                prefix + Guid.NewGuid(), 7, 9, MerkleTree.EmptyRoot, Digest.Zero, MerkleTree.EmptyRoot);
            var bytes = new byte[Opening.Size];
            opening.Write(bytes);
            Assert.True(Opening.IsOf(opening.Stream));
            Assert.Equal(opening, Opening.Read(bytes));
        });

    [Fact]
    public async Task Proofs_hold_while_batches_are_appended()
    {
        var conversation = new ConversationId(Guid.NewGuid());
        await _database.AppendAsync(StreamName.Of(conversation), events: 1);
        var node = _database.Node();
        await node.AppendAsync(None);
        var appending = Task.Run(async () =>
        {
            for (var batch = 0; batch < 20; batch++)
            {
                await _database.AppendAsync(Some.Stream(), events: 1);
                await node.AppendAsync(None);
            }
        });
        do
            Assert.Equal((0, 0), await AssertProvenAsync(conversation));
        while (!appending.IsCompleted);
        await appending;
    }

    /// <summary>Checks a conversation's proof from the outside in.</summary>
    /// <param name="not">A hash that the proof must not have.</param>
    /// <returns>The revisions that the head covers.</returns>
    private async Task<(long First, long Last)> AssertProvenAsync(ConversationId conversation, Digest? not = null)
    {
        var proof = TlogProof.Parse((await _database.Queries.ProofAsync(conversation, None))!);
        var vkey = VerifierKey.Parse((await _database.Log.StateAsync(None))!.Vkey);
        var note = SignedNote.Parse(proof.Checkpoint);
        note.Verify(vkey);
        var (checkpoint, inner) = (Checkpoint.Parse(note.Text), HeadProof.Parse(proof.Extra));
        Assert.Equal(AuditDatabase.Origin, checkpoint.Origin);
        Assert.True(MerkleProof.Includes(
            proof.Index, checkpoint.Size, MerkleTree.Leaf(inner.Batch.Encode()), checkpoint.Root, proof.Hashes));
        Assert.True(inner.Holds());
        Assert.Equal(StreamName.Of(conversation), inner.Head.Stream);
        if (not is { } unlogged)
            Assert.NotEqual(unlogged, inner.Head.Hash);
        else
            Assert.Equal(_database.HashOf(StreamName.Of(conversation)), inner.Head.Hash);
        return (inner.Head.First, inner.Head.Last);
    }

    private async Task<List<(LogRecord.Batch Entry, List<Opening> Openings, Digest[] Leaves)>> StoredAsync()
    {
        var entries = await _database.Log.EntriesAsync(0, 100, None);
        return await _database.Source.QueryAsync(
            "SELECT entry, openings, tiles FROM audit_batches WHERE openings IS NOT NULL ORDER BY number",
            row =>
            {
                var (openings, tiles) = (row.GetFieldValue<byte[]>(1), row.GetFieldValue<byte[]>(2));
                var count = openings.Length / Opening.Size;
                return (
                    (LogRecord.Batch)LogRecord.Parse(entries[(int)row.GetInt64(0)]),
                    Enumerable.Range(0, count)
                        .Select(at => Opening.Read(openings.AsSpan(at * Opening.Size, Opening.Size))).ToList(),
                    MemoryMarshal.Cast<byte, Digest>(tiles)[..count].ToArray());
            },
            None);
    }
}
