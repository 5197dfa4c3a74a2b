using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>A message whose id must be looked up holds up its own sender's later messages, and nothing else.</summary>
public sealed class PreparationSpecs : WriterSpecs
{
    private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ShiftedClock _clock = new();

    [Fact]
    public async Task Everything_but_the_senders_later_messages_goes_on_during_a_look_up()
    {
        var node = await StartAsync();
        var unknown = node.SendAsync(Ann, Ben, new MessageId(Guid.NewGuid()));
        await Eventually.IsTrue(() => Views.LookedUp > 0, "the id is being looked up");
        var later = node.SendAsync(Ann, Ben, _clock.NewId());

        Assert.Equal(2, (await node.SendAsync(Ben, Ann, _clock.NewId()).WaitAsync(Eventually.Deadline)).Seq);
        Assert.Equal(2, (await node.Writer.PeekAsync(Theirs, default).WaitAsync(Eventually.Deadline)).LastSeq);
        await node.ReadAsync(Theirs, Ann, 2).WaitAsync(Eventually.Deadline);
        Assert.False(unknown.IsCompleted || later.IsCompleted);

        _answer.SetResult();
        Assert.Equal((3L, 4L), ((await unknown).Seq, (await later).Seq)); // In the order in which Ann sent them.
    }

    [Fact]
    public async Task Many_messages_of_one_sender_keep_their_order_through_look_ups_and_appends()
    {
        var node = await NodeAsync(); // It has only just started, and looks every id up.
        var ids = Enumerable.Range(0, 2_000).Select(_ => WriterNode.NewId()).ToList();

        await Task.WhenAll(ids.Select(id => node.SendAsync(Ann, Ben, id)));

        Assert.Equal(ids, (await MessagesAsync()).Select(message => message.Id));
    }

    [Fact]
    public async Task A_look_up_that_fails_fails_the_messages_that_need_it_alone()
    {
        var node = await StartAsync();
        var unknown = node.SendAsync(Ann, Ben, new MessageId(Guid.NewGuid()));
        await Eventually.IsTrue(() => Views.LookedUp > 0, "the id is being looked up");
        var later = node.SendAsync(Ann, Ben, _clock.NewId());

        _answer.SetException(new StoreUnavailableException("The read side is away, as the test wished."));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => unknown.WaitAsync(Eventually.Deadline));
        Assert.Equal(2, (await later.WaitAsync(Eventually.Deadline)).Seq);
    }

    [Fact]
    public async Task A_peek_does_not_wait_for_an_append()
    {
        var node = await StartAsync();
        Task<Sent> sending;
        using (node.Store.Hold())
        {
            sending = node.SendAsync(Ben, Ann, _clock.NewId());
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "the append is under way");

            Assert.Equal(1, (await node.Writer.PeekAsync(Theirs, default).WaitAsync(Eventually.Deadline)).LastSeq);
        }

        await sending;
    }

    /// <summary>
    /// A node with the conversation and its receipts in memory, which looks up ids of version 4 alone.
    /// </summary>
    private async Task<WriterNode> StartAsync()
    {
        var node = await NodeAsync(clock: _clock);
        _clock.Shift += TimeSpan.FromMinutes(1);
        await node.SendAsync(Ann, Ben, _clock.NewId());
        await node.DeliverAsync(Theirs, Ben, 0);
        Views.Finding = _ => _answer.Task;
        return node;
    }
}
