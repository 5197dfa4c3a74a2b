using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>Receipts that wait are merged to the highest watermark; each is answered.</summary>
public sealed class MergedReceiptSpecs : WriterSpecs
{
    [Fact]
    public async Task Receipts_that_wait_become_one()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, AppendsInFlight = 1 });
        for (var n = 0; n < 20; n++)
            await node.SendAsync(Ann, Ben);
        await node.DeliverAsync(Theirs, Ben, 0);
        List<Task> waiting = [];
        using (node.Store.Hold())
        {
            waiting.Add(node.SendAsync(Ann, Ben));
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "an append is under way");
            waiting.AddRange(Enumerable.Range(1, 20).Select(seq => node.DeliverAsync(Theirs, Ben, seq)));
            waiting.AddRange(Enumerable.Range(1, 10).Reverse().Select(seq => node.ReadAsync(Theirs, Ben, seq)));
        }

        await Task.WhenAll(waiting);

        Assert.Equal(
            [(typeof(ReceiptEvent.MessageDelivered), 0L), (typeof(ReceiptEvent.MessageDelivered), 20), (typeof(ReceiptEvent.MessageRead), 10)],
            (await ReceiptsAsync()).Select(receipt => (receipt.GetType(), SeqOf(receipt))));
        var shown = node.Receipts.Last();
        Assert.Equal((20L, 10L), (shown.DeliveredSeq, shown.ReadSeq));
        Assert.Equal([Ann], shown.Authors);
    }

    [Fact]
    public async Task A_receipt_that_is_lower_than_before_changes_nothing()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 3; n++)
            await node.SendAsync(Ann, Ben);
        await node.ReadAsync(Theirs, Ben, 3);

        await node.DeliverAsync(Theirs, Ben, 2);
        await node.ReadAsync(Theirs, Ben, 1);

        Assert.Single(await ReceiptsAsync());
        Assert.Single(node.Receipts);
    }

    [Fact]
    public async Task A_device_that_has_less_than_another_is_recorded_and_nobody_is_told()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 3; n++)
            await node.SendAsync(Ann, Ben);
        await node.DeliverAsync(Theirs, Ben, 3);

        await node.DeliverAsync(Theirs, Ben, 2, new DeviceId(Guid.CreateVersion7()));

        Assert.Equal([3, 2], (await ReceiptsAsync()).Select(SeqOf));
        Assert.Equal(3, Assert.Single(node.Receipts).DeliveredSeq);
    }

    [Fact]
    public async Task A_receipt_beyond_the_end_or_of_a_stranger_is_refused_and_the_others_go_through()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        var stranger = new UserId(Guid.CreateVersion7());

        var good = node.DeliverAsync(Theirs, Ben, 1);
        var beyond = await Assert.ThrowsAsync<RefusedException>(() => node.DeliverAsync(Theirs, Ben, 2));
        var unknown = await Assert.ThrowsAsync<RefusedException>(() => node.DeliverAsync(Theirs, stranger, 1));

        await good;
        Assert.Equal((Refusal.SeqBeyondEnd, Refusal.ConversationUnknown), (beyond.Refusal, unknown.Refusal));
        Assert.Single(await ReceiptsAsync());
    }

    [Fact]
    public async Task A_receipt_through_another_node_is_known_to_this_one()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.SendAsync(Ann, Ben);
        await one.DeliverAsync(Theirs, Ben, 0);
        await other.DeliverAsync(Theirs, Ben, 1);

        await one.ReadAsync(Theirs, Ben, 1);

        Assert.Equal([0, 1, 1], (await ReceiptsAsync()).Select(SeqOf));
        Assert.Equal((1L, 1L), (one.Receipts.Last().DeliveredSeq, one.Receipts.Last().ReadSeq));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_receipt_whose_answer_was_lost_is_shown_if_and_only_if_it_was_stored(bool stored)
    {
        var node = await NodeAsync();
        for (var n = 0; n < 3; n++)
            await node.SendAsync(Ann, Ben);
        await node.DeliverAsync(Theirs, Ben, 1);

        (Log.LosesAnswers, Log.Reachable) = (stored, stored);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.ReadAsync(Theirs, Ben, 2));
        (Log.LosesAnswers, Log.Reachable) = (false, true);

        if (stored)
            await Eventually.IsTrue(() => node.Receipts.Count == 2, "the author was told of it");
        await UntilTakenAsync(() => node.DeliverAsync(Theirs, Ben, 3));
        Assert.Equal(stored ? [(1, -1), (2, 2), (3, 2)] : [(1, -1), (3, -1)], node.Receipts.Select(receipt => ((int)receipt.DeliveredSeq, (int)receipt.ReadSeq)));
    }

    private static long SeqOf(ReceiptEvent receipt) => receipt switch
    {
        ReceiptEvent.MessageDelivered e => e.UpToSeq,
        ReceiptEvent.MessageRead e => e.UpToSeq,
        _ => throw new InvalidOperationException(),
    };
}
