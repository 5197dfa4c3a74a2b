using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// A decision that throws something unexpected fails its own request, and neither its neighbours nor the node.
/// </summary>
public sealed class DefectSpecs : WriterSpecs
{
    [Fact]
    public async Task A_defect_in_one_decision_is_one_requests_failure()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        var id = WriterNode.NewId();
        node.Codec.FailsFor = @event => @event is ConversationEvent.MessageSent sent && sent.MessageId == id;
        List<Task<Sent>> sending = [];
        using (node.Store.Hold())
        {
            sending.Add(node.SendAsync(Ann, Ben));
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "an append is under way");
            sending.Add(node.SendAsync(Ben, Ann));
            sending.Add(node.SendAsync(Ann, Ben, id));
            sending.Add(node.SendAsync(Ben, Ann));
        }

        await Assert.ThrowsAsync<InvalidOperationException>(() => sending[2].WaitAsync(Eventually.Deadline));
        var sent = await Task.WhenAll(sending[0], sending[1], sending[3]);
        Assert.Equal([2L, 3L, 4L], sent.Select(answer => answer.Seq));
        Assert.False(node.HasGivenUp);

        node.Codec.FailsFor = null;
        Assert.Equal(5, (await node.SendAsync(Ann, Ben, id)).Seq); // A retry is a new attempt.
    }

    [Fact]
    public async Task A_defect_in_a_receipt_is_that_receipts_failure()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        await node.DeliverAsync(Theirs, Ben, 0);
        node.Codec.FailsFor = @event => @event is Domain.Receipts.ReceiptEvent.MessageRead;

        var (read, sent) = (node.ReadAsync(Theirs, Ben, 1), node.SendAsync(Ben, Ann));

        await Assert.ThrowsAsync<InvalidOperationException>(() => read.WaitAsync(Eventually.Deadline));
        Assert.Equal(2, (await sent.WaitAsync(Eventually.Deadline)).Seq);
        Assert.False(node.HasGivenUp);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_id_whose_message_was_not_stored_may_be_used_elsewhere(bool isStored)
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        var (id, carl) = (WriterNode.NewId(), new UserId(Guid.CreateVersion7()));
        Log.Refused = isStored ? null : StreamName.Of(Theirs);
        Log.Unanswered = isStored ? StreamName.Of(Theirs) : null;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben, id));
        (Log.Refused, Log.Unanswered) = (null, null);
        await UntilTakenAsync(() => node.SendAsync(Ann, Ben)); // The conversation was read again.

        if (isStored)
            await Assert.ThrowsAsync<RefusedException>(() => node.SendAsync(Ann, carl, id));
        else
            Assert.Equal(1, (await node.SendAsync(Ann, carl, id)).Seq);
    }
}
