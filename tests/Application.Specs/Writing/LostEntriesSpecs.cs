using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// The log loses entries under a running node, by a fail-over or a restore: the node goes on with what is there.
/// </summary>
public sealed class LostEntriesSpecs : WriterSpecs
{
    [Theory]
    [InlineData(3)]
    [InlineData(20)] // With a snapshot of what was lost.
    public async Task A_conversation_whose_last_entries_are_lost_is_written_again(int messages)
    {
        var node = await NodeAsync();
        for (var n = 0; n < messages; n++)
            await node.SendAsync(Ann, Ben);
        await node.Writer.PeekAsync(Theirs, default);
        Log.Lose(StreamName.Of(Theirs), after: messages - 2);

        var sent = await node.SendAsync(Ann, Ben);

        Assert.Equal(messages - 1, sent.Seq);
        Assert.Equal(messages, (await EntriesAsync()).Count); // Linked without a break, which EntriesAsync checks.
        Assert.Equal(messages - 1, (await node.Writer.PeekAsync(Theirs, default)).LastSeq);
    }

    [Fact]
    public async Task A_node_that_missed_that_others_replaced_lost_entries_reads_the_conversation_anew()
    {
        var (stale, other) = (await NodeAsync(), await NodeAsync());
        for (var n = 0; n < 3; n++)
            await stale.SendAsync(Ann, Ben);
        Log.Lose(StreamName.Of(Theirs), after: 1);
        for (var n = 0; n < 4; n++)
            await other.SendAsync(Ben, Ann);

        await stale.SendAsync(Ann, Ben);

        Assert.Equal(7, (await EntriesAsync()).Count);
        Assert.Equal(6, (await stale.Writer.PeekAsync(Theirs, default)).LastSeq);
    }

    [Fact]
    public async Task Receipts_that_are_lost_are_written_again()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 3; n++)
            await node.SendAsync(Ann, Ben);
        await node.DeliverAsync(Theirs, Ben, 1);
        await node.DeliverAsync(Theirs, Ben, 2);
        Log.Lose(StreamName.OfReceipts(Theirs), after: 0);

        await node.DeliverAsync(Theirs, Ben, 3);

        Assert.Equal(2, (await ReceiptsAsync()).Count);
    }
}
