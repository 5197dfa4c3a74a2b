using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>Where the store fails one stream of a batch, whoever wrote to it is told so, and nobody else.</summary>
public sealed class FailedStreamSpecs : WriterSpecs
{
    private readonly ShiftedClock _clock = new();
    private readonly UserId _carl = new(Guid.CreateVersion7());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_conversation_that_fails_leaves_the_others_of_its_batch_and_its_own_receipts_alone(bool stored)
    {
        var node = await StartAsync();
        var id = _clock.NewId();
        Fail(StreamName.Of(Theirs), stored);

        var (lost, sent, read) = await InOneBatchAsync(node, () => node.SendAsync(Ann, Ben, id), () => node.SendAsync(Ann, _carl, _clock.NewId()), () => node.ReadAsync(Theirs, Ben, 1));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => lost);
        Assert.Equal(2, (await sent).Seq);
        await read;
        Fail(null, stored);
        var again = await UntilTakenAsync(() => node.SendAsync(Ann, Ben, id));
        Assert.Equal((2L, stored), (again.Seq, again.Duplicate));
        Assert.Equal(3, (await EntriesAsync()).Count);
        Assert.Equal([1], (await ReceiptsAsync()).OfType<ReceiptEvent.MessageRead>().Select(receipt => receipt.UpToSeq));
        await Eventually.IsTrue(
            () => node.Shown.Count(entry => entry.Conversation == Theirs) == 3, "sockets were shown what was unsure");
        Assert.Equal((await EntriesAsync()).Select(entry => entry.EventId), node.Shown.Where(entry => entry.Conversation == Theirs).Select(entry => entry.EventId));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Receipts_that_fail_leave_their_conversation_alone(bool stored)
    {
        var node = await StartAsync();
        var before = node.Receipts.Count;
        Fail(StreamName.OfReceipts(Theirs), stored);

        var (sent, other, lost) = await InOneBatchAsync(node, () => node.SendAsync(Ann, Ben, _clock.NewId()), () => node.SendAsync(Ann, _carl, _clock.NewId()), () => node.DeliverAsync(Theirs, Ben, 1));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => lost);
        Assert.Equal((2L, 2L), ((await sent).Seq, (await other).Seq));
        Fail(null, stored);
        await UntilTakenAsync(() => node.DeliverAsync(Theirs, Ben, 2));
        Assert.Equal(stored ? [1L, 2L] : [2L], node.Receipts.Skip(before).Select(receipt => receipt.DeliveredSeq));
        Assert.Equal(3, (await node.SendAsync(Ann, Ben)).Seq);
    }

    /// <summary>
    /// A node that has both conversations in memory, with receipts, and looks up no id that is new: whatever is asked
    /// of it is decided at once.
    /// </summary>
    private async Task<WriterNode> StartAsync()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, AppendsInFlight = 1 }, _clock);
        _clock.Shift += TimeSpan.FromMinutes(1);
        await node.SendAsync(Ann, Ben, _clock.NewId());
        await node.SendAsync(Ann, _carl, _clock.NewId());
        await node.DeliverAsync(Theirs, Ben, 0);
        return node;
    }

    private void Fail(string? stream, bool stored) => (Log.Refused, Log.Unanswered) = (stored ? null : stream, stored ? stream : null);

    /// <summary>
    /// Asks for three things while an append is under way, so that they are in the next one together.
    /// </summary>
    private async Task<(Task<Sent>, Task<Sent>, Task<LogPosition>)> InOneBatchAsync(
        WriterNode node, Func<Task<Sent>> first, Func<Task<Sent>> second, Func<Task<LogPosition>> third)
    {
        var before = node.Store.Appends.Count;
        Task<Sent> held;
        (Task<Sent>, Task<Sent>, Task<LogPosition>) asked;
        using (node.Store.Hold())
        {
            held = node.SendAsync(Ben, _carl, _clock.NewId());
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "an append is under way");
            asked = (first(), second(), third());
        }

        await held;
        await Task.WhenAll(asked.Item1, asked.Item2, asked.Item3).ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal(3, node.Store.Appends.ElementAt(before + 1).Count);
        return asked;
    }
}
