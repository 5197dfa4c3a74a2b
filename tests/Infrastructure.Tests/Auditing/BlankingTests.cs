using System.Runtime.InteropServices;
using System.Text;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>A stream whose secret of salts is gone: its leaves mean nothing, and nothing else changes.</summary>
public sealed class BlankingTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_streams_heads_are_blank_in_all_batches_and_all_others_stay()
    {
        var (erased, stays) = (Some.Stream(), new ConversationId(Guid.NewGuid()));
        var node = _database.Node();
        for (var batch = 0; batch < 3; batch++)
        {
            await _database.AppendAsync(erased, events: 2);
            await _database.AppendAsync(StreamName.Of(stays), events: 1);
            await node.AppendAsync(None);
        }

        var held = await _database.Queries.ProofAsync(stays, None);
        var leaves = await StoredAsync("tiles");
        Assert.All(await StoredAsync("openings"), openings => Assert.True(Has(openings, erased)));

        await BlankAsync(erased);

        Assert.All(await StoredAsync("openings"), openings =>
        {
            Assert.False(Has(openings, erased));
            Assert.True(Has(openings, StreamName.Of(stays)));
        });
        Assert.Equal(leaves, await StoredAsync("tiles"));
        Assert.Empty(await _database.Secrets.FindAsync([Opening.SecretOf(erased)], None));
        Assert.Equal(held, await _database.Queries.ProofAsync(stays, None));
        await AssertBatchesHoldAsync(blank: 1, numbers: 3);
        await BlankAsync(erased); // Once more changes nothing.
        await AssertBatchesHoldAsync(blank: 1, numbers: 3);
    }

    [Fact]
    public async Task Heads_between_many_blank_ones_are_found()
    {
        var conversations = Enumerable.Range(0, 700).Select(_ => new ConversationId(Guid.NewGuid()))
            .OrderBy(StreamName.Of, StringComparer.Ordinal).ToList();
        foreach (var conversation in conversations)
            await _database.AppendAsync(StreamName.Of(conversation), events: 1);
        await _database.Node().AppendAsync(None);

        var openings = Assert.Single(await StoredAsync("openings"));
        for (var at = 0; at < conversations.Count; at++)
        {
            if (at is not (0 or 350 or 699)) // One in the middle and one at each end stay.
                Opening.Blank.Write(openings.AsSpan(at * Opening.Size));
        }

        await _database.Source.ExecuteAsync("UPDATE audit_batches SET openings = $1", None, openings);

        foreach (var at in new[] { 0, 350, 699 })
            Assert.NotNull(await _database.Queries.ProofAsync(conversations[at], None));
        Assert.Null(await _database.Queries.ProofAsync(conversations[200], None));
        await AssertBatchesHoldAsync(blank: 697, numbers: 1);
    }

    [Fact]
    public async Task A_blank_head_does_not_move_to_another_batch_and_one_that_has_moved_is_blanked_there()
    {
        var (blank, moved, busy) = (Some.Stream(), Some.Stream(), Some.Stream());
        var node = _database.Node();
        foreach (var stream in new[] { blank, moved, busy })
            await _database.AppendAsync(stream, events: 1);
        await node.AppendAsync(None);
        await BlankAsync(blank);
        _database.Clock.GoOn(TimeSpan.FromDays(2));
        await _database.AppendAsync(busy, events: 1);
        await node.AppendAsync(None);
        var openings = Assert.Single(await StoredAsync("openings")); // The first one is not kept any more.
        Assert.Equal((false, true, 2), (Has(openings, blank), Has(openings, moved), openings.Length / Opening.Size));

        await BlankAsync(moved);

        Assert.False(Has(Assert.Single(await StoredAsync("openings")), moved));
        await AssertBatchesHoldAsync(blank: 1, numbers: 2);
    }

    /// <summary>The node that makes batches keeps secrets in memory; another one shreds.</summary>
    [Fact]
    public async Task A_shredded_secret_salts_no_leaf_any_more_on_any_node()
    {
        var stream = Some.Stream();
        var node = _database.Node();
        for (var batch = 0; batch < 2; batch++)
        {
            await _database.AppendAsync(stream, events: 1);
            await node.AppendAsync(None);
        }

        await BlankAsync(stream);
        await _database.AppendAsync(stream, events: 1);
        var entry = (await node.AppendAsync(None))!.Entry;

        var opening = Opening.Read((await StoredAsync("openings"))[^1]);
        Assert.Equal(stream, opening.Stream);
        Assert.Equal(entry.Root, MerkleTree.Leaf(opening.Salted(secret: null, entry.Number).Encode()));
    }

    [Fact]
    public async Task A_batch_that_was_made_with_a_secret_that_is_shredded_meanwhile_is_not_appended()
    {
        var salts = new SaltSecrets(_database.Secrets, _database.Source);
        var counter = await salts.RefreshAsync(None);
        await using var connection = await _database.Source.OpenConnectionAsync();
        Assert.True(await SaltSecrets.IsCurrentAsync(connection, counter, None));

        await SaltSecrets.ShredAsync(_database.Secrets, _database.Source, Some.Stream(), None);

        Assert.False(await SaltSecrets.IsCurrentAsync(connection, counter, None));
        Assert.True(await SaltSecrets.IsCurrentAsync(connection, await salts.RefreshAsync(None), None));
    }

    [Fact]
    public async Task Streams_of_one_batch_are_blanked_at_once()
    {
        string[] streams = [.. Enumerable.Range(0, 40).Select(_ => Some.Stream())];
        foreach (var stream in streams)
            await _database.AppendAsync(stream, events: 1);
        await _database.Node().AppendAsync(None);

        await Task.WhenAll(streams[..30].Select(stream => Task.Run(() => BlankAsync(stream))));

        var openings = Assert.Single(await StoredAsync("openings"));
        Assert.All(streams, stream => Assert.Equal(Array.IndexOf(streams, stream) >= 30, Has(openings, stream)));
        await AssertBatchesHoldAsync(blank: 30, numbers: 1);
    }

    private async Task BlankAsync(string stream)
    {
        var events = await _database.Store.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 100, None);
        await _database.Queries.BlankAsync(stream, [.. events.Select(stored => stored.Position)], None);
    }

    /// <summary>From what is shown of each kept batch follows its root: records, or the leaf of a blank one.</summary>
    private async Task AssertBatchesHoldAsync(int blank, int numbers)
    {
        var entries = await _database.Log.EntriesAsync(1, numbers, None);
        foreach (var entry in entries.Select(bytes => (LogRecord.Batch)LogRecord.Parse(bytes)))
        {
            if (await _database.Queries.HeadsAsync(entry.Number, None) is not { } heads)
                continue; // Not kept any more.
            var (leaves, blanks) = (new List<Digest>(), 0);
            await foreach (var head in heads)
            {
                var isBlank = head.StartsWith("chatcqrs/blank/v1\n", StringComparison.Ordinal);
                leaves.Add(isBlank ? Digest.Parse(head.Split('\n')[1]) : MerkleTree.Leaf(Encoding.UTF8.GetBytes(head)));
                blanks += isBlank ? 1 : 0;
            }

            Assert.Equal(blank, blanks);
            Assert.Equal(entry.Root, MerkleTree.Root(CollectionsMarshal.AsSpan(leaves)));
        }
    }

    private async Task<List<byte[]>> StoredAsync(string column) => await _database.Source.QueryAsync(
        $"SELECT {column} FROM audit_batches WHERE openings IS NOT NULL ORDER BY number",
        row => row.GetFieldValue<byte[]>(0), None);

    /// <summary>Whether a stream's id is in the bytes, in whatever form.</summary>
    private static bool Has(byte[] openings, string stream) =>
        openings.AsSpan().IndexOf(StreamName.IdOf(stream).ToByteArray(bigEndian: true)) >= 0;
}
