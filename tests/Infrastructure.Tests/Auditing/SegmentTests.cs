using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>Hashes that lead from some events of a head to its root.</summary>
public sealed class SegmentTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _stream = StreamName.Of(new ConversationId(Guid.NewGuid()));

    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Any_events_of_a_head_lead_with_them_to_its_root()
    {
        var node = _database.Node();
        await _database.AppendAsync(_stream, events: 2);
        await node.AppendAsync(None);
        await _database.AppendAsync(_stream, events: 13);
        await node.AppendAsync(None);
        var stored = await _database.Store.ReadStreamAsync(_stream, 0, ReadDirection.Forwards, 100, None);
        var head = await HeadAsync(stored[^1]);
        Assert.Equal((2, 14), (head.First, head.Last));
        byte[][] leaves = [.. stored.Skip(2).Select(each => Leaf(EventChain.HashOf(each.Metadata.Span)))];
        Assert.Equal(
            Convert.ToBase64String(Root(leaves, 0, leaves.Length, 0, leaves.Length, new())),
            ((string)head.Line["record"]!).Split('\n')[5]);

        for (var from = 0; from < leaves.Length; from++)
        {
            for (var to = from; to < leaves.Length; to++)
            {
                var segment = (await _database.Queries.SegmentAsync(_stream, head, from + 2, to + 2, None))!;
                var roots = new Queue<byte[]>(segment.Select(Convert.FromBase64String));
                Assert.Equal(
                    Root(leaves, 0, leaves.Length, 0, leaves.Length, new()),
                    Root(leaves, 0, leaves.Length, from, to + 1, roots));
                Assert.Empty(roots);
            }
        }
    }

    [Fact]
    public async Task Where_the_log_was_cut_or_changed_there_are_none()
    {
        await _database.AppendAsync(_stream, events: 8);
        await _database.Node().AppendAsync(None);
        var stored = await _database.Store.ReadStreamAsync(_stream, 0, ReadDirection.Forwards, 100, None);
        var head = await HeadAsync(stored[^1]);

        await _database.ExecuteAsync("UPDATE log_events SET metadata = '{}' WHERE revision = 7");
        Assert.Null(await _database.Queries.SegmentAsync(_stream, head, 2, 5, None));
        Assert.NotNull(await _database.Queries.SegmentAsync(_stream, head, 2, 7, None));
        await _database.Store.TruncateAsync(_stream, 1, None);
        Assert.Null(await _database.Queries.SegmentAsync(_stream, head, 2, 7, None));
    }

    [Fact]
    public async Task The_newest_head_is_the_last_one_that_the_checkpoint_covers()
    {
        var node = _database.Node();
        await _database.AppendAsync(_stream, events: 2);
        await node.AppendAsync(None);
        var checkpoint = (await _database.Queries.EvidenceAsync(None))!;
        await _database.AppendAsync(_stream, events: 3);
        await node.AppendAsync(None);

        Assert.Equal(1, (await _database.Queries.NewestHeadAsync(_stream, checkpoint, None))!.Last);
        var newest = (await _database.Queries.EvidenceAsync(None))!;
        Assert.Equal(4, (await _database.Queries.NewestHeadAsync(_stream, newest, None))!.Last);
        Assert.Null(await _database.Queries.NewestHeadAsync(
            StreamName.Of(new ConversationId(Guid.NewGuid())), newest, None));
    }

    private async Task<EvidenceHead> HeadAsync(StoredEvent stored)
    {
        var checkpoint = (await _database.Queries.EvidenceAsync(None))!;
        return (await _database.Queries.HeadAsync(_stream, stored.Position, checkpoint, None))!.Head!;
    }

    private static byte[] Leaf(byte[] hash) => SHA256.HashData([0, .. hash]);

    /// <summary>
    /// RFC 6962, section 2.1, by recursion; the roots of perfect subtrees without any of the known leaves are given.
    /// </summary>
    private static byte[] Root(byte[][] leaves, int start, int length, int from, int to, Queue<byte[]> given)
    {
        var isKnown = start < to && start + length > from;
        if (!isKnown && int.IsPow2(length))
            return given.Dequeue();
        if (length == 1)
            return leaves[start];
        var left = 1;
        while (left * 2 < length)
            left *= 2;
        return SHA256.HashData(
        [
            1, .. Root(leaves, start, left, from, to, given),
            .. Root(leaves, start + left, length - left, from, to, given),
        ]);
    }
}
