using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>Memory is bounded; what left it comes back from the newest snapshot and the tail after it.</summary>
public sealed class ForgettingSpecs : WriterSpecs
{
    private static readonly WriterOptions Small = new() { Partitions = 1, ConversationsMax = 4 };

    [Fact]
    public async Task Conversations_that_left_memory_go_on_where_they_were()
    {
        var node = await NodeAsync(Small);
        var others = Enumerable.Range(0, 30).Select(_ => new UserId(Guid.CreateVersion7())).ToList();

        for (var round = 1; round <= 3; round++)
        {
            foreach (var other in others)
                Assert.Equal(round, (await node.SendAsync(Ann, other)).Seq);
        }

        Assert.Equal(90, node.Store.Reads.Count(read => read.Stream.StartsWith(StreamName.ConversationPrefix, StringComparison.Ordinal)));
        foreach (var other in others)
            Assert.Equal(3, (await MessagesAsync(DirectConversation.IdOf(Ann, other))).Count);
    }

    [Fact]
    public async Task More_conversations_may_be_busy_than_memory_is_to_hold()
    {
        var node = await NodeAsync(Small);
        var others = Enumerable.Range(0, 30).Select(_ => new UserId(Guid.CreateVersion7())).ToList();
        List<Task<Sent>> sending;
        using (node.Store.Hold())
            sending = [.. Enumerable.Range(0, 5).SelectMany(_ => others.Select(other => node.SendAsync(Ann, other)))];

        await Task.WhenAll(sending).WaitAsync(Testing.Eventually.Deadline);

        Assert.Equal(Enumerable.Range(0, 150).Select(n => (n / 30) + 1L), sending.Select(answer => answer.Result.Seq)); // In the order in which they came.
        Assert.Equal(1, (await node.SendAsync(Ben, Ann)).Seq);
    }

    [Fact]
    public async Task A_node_that_was_left_behind_by_a_truncation_goes_on_from_the_snapshot()
    {
        var (busy, idle) = (await NodeAsync(Small), await NodeAsync(Small));
        var first = WriterNode.NewId();
        await busy.SendAsync(Ann, Ben, first);
        await idle.SendAsync(Ben, Ann);
        await idle.ReadAsync(Theirs, Ben, 1);
        for (var n = 2; n <= 20; n++)
        {
            await busy.SendAsync(Ann, Ben);
            await busy.ReadAsync(Theirs, Ann, n);
        }

        await Views.WaitForAsync(busy.Writer.LastCommitted, TimeSpan.Zero, default);
        await Log.TruncateAsync(StreamName.Of(Theirs), 15, default);
        await Log.TruncateAsync(StreamName.OfReceipts(Theirs), 15, default);

        Assert.Equal(22, (await idle.SendAsync(Ben, Ann)).Seq);
        await idle.ReadAsync(Theirs, Ben, 22);
        var later = await NodeAsync(Small);
        Assert.Equal(23, (await later.SendAsync(Ann, Ben)).Seq);
        Assert.Equal((1, true), ((await later.SendAsync(Ann, Ben, first)) is var again ? (again.Seq, again.Duplicate) : default));
    }

    [Fact]
    public async Task Only_what_came_after_the_snapshot_is_read()
    {
        var node = await NodeAsync(Small);
        var messages = new List<Sent>();
        for (var n = 0; n < 20; n++)
            messages.Add(await node.SendAsync(Ann, Ben));
        for (var n = 0; n < 20; n++)
            await node.ReadAsync(Theirs, Ben, n);
        await Views.WaitForAsync(node.Writer.LastCommitted, TimeSpan.Zero, default);
        node.Store.Reads.Clear();

        var later = await NodeAsync(Small);
        Assert.Equal(21, (await later.SendAsync(Ann, Ben)).Seq);
        await later.ReadAsync(Theirs, Ben, 20);

        // From the snapshot's own event on, which is compared.
        Assert.Equal((15, 15), (FromOf(StreamName.Of(Theirs)).First(), FromOf(StreamName.OfReceipts(Theirs)).First()));
        Assert.All(later.Store.Reads, read => Assert.True(read.From >= 15));
        Assert.Equal(21, (await ReceiptsAsync()).Count);

        var again = await later.SendAsync(Ann, Ben, messages[2].Message); // Not in the snapshot: found by its id.
        Assert.Equal((3L, true), (again.Seq, again.Duplicate));

        IEnumerable<long> FromOf(string stream) => later.Store.Reads.Where(read => read.Stream == stream).Select(read => read.From);
    }

    [Theory]
    [InlineData(15)]
    [InlineData(18)]
    public async Task What_follows_a_snapshot_or_what_came_after_it_is_linked_to_that(int messages)
    {
        var node = await NodeAsync(Small);
        for (var n = 1; n <= messages; n++)
        {
            await node.ReadAsync(Theirs, Ben, (await node.SendAsync(Ann, Ben)).Seq);
            if (n == 1)
                await node.ReadAsync(Theirs, Ann, 1); // So that both streams are as long, and their ends in the snapshots.
        }

        await Views.WaitForAsync(node.Writer.LastCommitted, TimeSpan.Zero, default);
        var later = await NodeAsync(Small);
        await later.ReadAsync(Theirs, Ben, (await later.SendAsync(Ann, Ben)).Seq);

        Assert.Equal((messages + 2, messages + 2), ((await EntriesAsync()).Count, (await ReceiptsAsync()).Count)); // Which looks at the links.
    }

    [Fact]
    public async Task Conversations_that_are_only_asked_for_are_not_kept()
    {
        var node = await NodeAsync();

        Assert.Null((await node.Writer.PeekAsync(Theirs, default)).Kind);
        Assert.Null((await node.Writer.PeekAsync(Theirs, default)).Kind);

        Assert.Equal(2, node.Store.Reads.Count(read => read.Stream == StreamName.Of(Theirs)));
    }
}
