using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

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
    public async Task A_node_that_is_told_of_a_loss_forgets_entries_that_others_replaced_by_as_many()
    {
        var (stale, other) = (await NodeAsync(), await NodeAsync());
        for (var n = 0; n < 3; n++)
            await stale.SendAsync(Ann, Ben);
        await stale.DeliverAsync(Theirs, Ben, 3);
        Log.Lose(StreamName.Of(Theirs), after: 1);
        Log.Lose(StreamName.OfReceipts(Theirs), after: -1);
        var replaced = await other.SendAsync(Ben, Ann);
        await other.SendAsync(Ben, Ann);

        stale.Writer.ForgetAll();
        await stale.SendAsync(Ann, Ben);
        await stale.DeliverAsync(Theirs, Ben, 3);

        Assert.Equal(5, (await EntriesAsync()).Count); // Linked without a break, which EntriesAsync checks.
        Assert.Single(await ReceiptsAsync());
        var peeked = await stale.Writer.PeekAsync(Theirs, default);
        Assert.NotNull(peeked.Recent.Find(Ben, replaced.Message));
    }

    [Fact]
    public async Task A_node_that_is_told_of_a_loss_finishes_what_is_under_way_by_what_is_in_the_log()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        Task<Sent>[] sending;
        using (node.Store.Hold())
        {
            sending = [node.SendAsync(Ann, Ben), node.SendAsync(Ben, Ann)];
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "an append is under way");
            node.Writer.ForgetAll();
            sending = [.. sending, node.SendAsync(Ann, Ben)];
        }

        await Task.WhenAll(sending);

        Assert.Equal(5, (await EntriesAsync()).Count);
    }

    [Fact]
    public async Task A_snapshot_of_lost_entries_that_others_replaced_by_as_many_is_not_used()
    {
        var old = await NodeAsync();
        for (var n = 0; n < 7; n++)
            await old.SendAsync(Ann, Ben);
        Assert.Equal(7, (await Views.ConversationAsync(Theirs, default))!.Revision);
        Views.Held = true;
        Log.Lose(StreamName.Of(Theirs), after: 4);
        var other = await NodeAsync();
        var replaced = await other.SendAsync(Ben, Ann);
        for (var n = 0; n < 2; n++)
            await other.SendAsync(Ben, Ann);

        var peeked = await (await NodeAsync()).Writer.PeekAsync(Theirs, default);

        Assert.Equal(7, peeked.LastSeq);
        Assert.NotNull(peeked.Recent.Find(Ben, replaced.Message));
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
