using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// One order a conversation, batches across conversations, bounded queues; what fails leaves nothing behind.
/// </summary>
public sealed class OrderSpecs : WriterSpecs
{
    [Fact]
    public async Task Messages_have_the_order_in_which_they_came()
    {
        var node = await NodeAsync();
        var ids = Enumerable.Range(0, 1_500).Select(_ => WriterNode.NewId()).ToList();

        var sent = await Task.WhenAll(ids.Select((id, n) => node.SendAsync(n % 2 == 0 ? Ann : Ben, n % 2 == 0 ? Ben : Ann, id)));

        Assert.Equal(ids.Select((id, n) => (id, n + 1L)), await MessagesAsync());
        Assert.Equal(ids.Select((_, n) => n + 1L), sent.Select(answer => answer.Seq));
        Assert.Equal((await EntriesAsync()).Select(entry => entry.EventId), node.Shown.Select(entry => entry.EventId));
    }

    [Fact]
    public async Task Each_entry_is_linked_to_the_one_before()
    {
        var node = await NodeAsync();
        for (var n = 0; n < 40; n++)
            await node.SendAsync(Ann, Ben);

        var stored = await Log.ReadStreamAsync(StreamName.Of(Theirs), 0, ReadDirection.Forwards, 100, default);
        Assert.Equal(41, stored.Count);
        Assert.Null(EventChain.FirstBroken(IEventCodec.FirstLink, stored));
    }

    [Fact]
    public async Task What_waits_goes_in_one_append_whatever_the_conversation()
    {
        var clock = new ShiftedClock();
        var node = await NodeAsync(new WriterOptions { Partitions = 1, AppendsInFlight = 1 }, clock);
        clock.Shift = TimeSpan.FromMinutes(1); // A node that has only just started looks every id up.
        var others = Enumerable.Range(0, 20).Select(_ => new UserId(Guid.CreateVersion7())).ToList();
        foreach (var other in others.Append(Ben))
            await node.SendAsync(Ann, other, clock.NewId());
        node.Store.Appends.Clear();
        List<Task<Sent>> sending = [];
        using (node.Store.Hold())
        {
            sending.Add(node.SendAsync(Ann, Ben, clock.NewId()));
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "the first append is under way");
            sending.AddRange(others.SelectMany(other => Enumerable.Range(0, 5).Select(_ => node.SendAsync(Ann, other, clock.NewId()))));
            sending.Add(node.SendAsync(Ben, Ann, clock.NewId()));
        }

        await Task.WhenAll(sending);

        Assert.Equal([1, 101], node.Store.Appends.Select(append => append.Sum(stream => stream.Events.Count)));
        Assert.Equal([1, 21], node.Store.Appends.Select(append => append.Count));
    }

    [Fact]
    public async Task What_has_no_room_in_one_append_goes_in_the_next_and_what_has_none_at_all_is_refused_by_itself()
    {
        var node = await NodeAsync();
        List<Task<Sent>> sending = [];
        Task<Sent> tooLarge;
        using (node.Store.Hold())
        {
            sending.Add(node.SendAsync(Ann, Ben));
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "the first append is under way");
            sending.Add(node.SendBytesAsync(Ann, Ben, 360_000));
            sending.Add(node.SendBytesAsync(Ben, Ann, 600_000)); // In base64 the two are more than an append may have.
            tooLarge = node.SendBytesAsync(Ann, Ben, 800_000);
            sending.Add(node.SendAsync(Ben, Ann));
            sending.Add(node.SendAsync(Ann, new UserId(Guid.CreateVersion7())));
        }

        await Task.WhenAll(sending);

        var refused = await Assert.ThrowsAsync<RefusedException>(() => tooLarge);
        Assert.Equal(Refusal.TooLarge, refused.Refusal);
        Assert.Equal([1, 2, 3, 4, 1], sending.Select(sent => sent.Result.Seq));
        Assert.Equal(4, (await MessagesAsync()).Count);
    }

    [Fact]
    public async Task A_queue_that_is_full_refuses_and_takes_on_once_there_is_room()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, QueueMax = 10 });
        List<Task<Sent>> taken = [];
        using (node.Store.Hold())
        {
            for (var n = 0; n < 10; n++)
                taken.Add(node.SendAsync(Ann, Ben));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben).WaitAsync(Eventually.Deadline));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Writer.PeekAsync(Theirs, default));
        }

        await Task.WhenAll(taken);
        Assert.Equal(11, (await node.SendAsync(Ann, Ben)).Seq);
        Assert.Equal(11, (await MessagesAsync()).Count);
    }

    [Fact]
    public async Task A_queue_with_more_content_than_may_wait_refuses_and_takes_on_once_there_is_room()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, QueueBytesMax = 1_000 });
        List<Task<Sent>> taken = [];
        using (node.Store.Hold())
        {
            taken.Add(node.SendBytesAsync(Ann, Ben, 600));
            taken.Add(node.SendBytesAsync(Ann, Ben, 400));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendBytesAsync(Ann, Ben, 1).WaitAsync(Eventually.Deadline));
            taken.Add(node.SendBytesAsync(Ann, Ben, 0));
        }

        await Task.WhenAll(taken);
        Assert.Equal(4, (await node.SendBytesAsync(Ann, Ben, 1_000)).Seq);
    }

    [Fact]
    public async Task An_append_takes_no_further_conversation_when_it_is_large()
    {
        var clock = new ShiftedClock();
        var node = await NodeAsync(new WriterOptions { Partitions = 1, AppendsInFlight = 1, BatchBytesMax = 5_000 }, clock);
        clock.Shift = TimeSpan.FromMinutes(1); // A node that has only just started looks every id up.
        var others = Enumerable.Range(0, 6).Select(_ => new UserId(Guid.CreateVersion7())).ToList();
        foreach (var other in others.Append(Ben))
            await node.SendAsync(Ann, other, clock.NewId());
        node.Store.Appends.Clear();
        List<Task<Sent>> sending = [];
        using (node.Store.Hold())
        {
            sending.Add(node.SendAsync(Ann, Ben, clock.NewId()));
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "the first append is under way");
            sending.AddRange(others.Select(other => node.SendBytesAsync(Ann, other, 3_000, clock.NewId())));
        }

        await Task.WhenAll(sending);
        Assert.Equal([1, 2, 2, 2], node.Store.Appends.Select(append => append.Count));
    }

    [Fact]
    public async Task An_append_that_fails_leaves_nothing_behind()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        var lost = WriterNode.NewId();

        Log.Reachable = false;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben, lost));
        Log.Reachable = true;

        Assert.Equal(2, (await UntilTakenAsync(() => node.SendAsync(Ann, Ben))).Seq);
        var again = await node.SendAsync(Ann, Ben, lost);
        Assert.Equal((3L, false), (again.Seq, again.Duplicate));
        Assert.Equal(4, (await EntriesAsync()).Count);
        Assert.Equal((await EntriesAsync()).Select(entry => entry.EventId), node.Shown.Select(entry => entry.EventId));
    }

    [Fact]
    public async Task What_was_stored_though_its_answer_was_lost_is_known_afterwards()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        var unsure = WriterNode.NewId();

        Log.LosesAnswers = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben, unsure));
        Log.LosesAnswers = false;

        var again = await UntilTakenAsync(() => node.SendAsync(Ann, Ben, unsure));
        Assert.Equal((2L, true), (again.Seq, again.Duplicate));
        Assert.Equal(2, (await MessagesAsync()).Count);
        Assert.Equal(3, (await node.SendAsync(Ann, Ben)).Seq);
        await Eventually.IsTrue(() => node.Shown.Count == 4, "sockets were shown everything, also what was unsure");
    }

    [Fact]
    public async Task What_was_stored_though_its_answer_was_lost_is_shown_however_long_the_store_is_away()
    {
        var node = await NodeAsync(clock: new ShiftedClock { Hurries = true });
        await node.SendAsync(Ann, Ben);
        node.Store.AfterRead = _ => throw new StoreUnavailableException("The store cannot be read, as the test wishes.");
        node.Store.Reads.Clear();

        Log.LosesAnswers = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben));
        Log.LosesAnswers = false;
        await Eventually.IsTrue(() => node.Store.Reads.Count > 100, "the store was asked again and again");
        node.Store.AfterRead = null;

        await Eventually.IsTrue(() => node.Shown.Count == 3, "sockets were shown what was unsure");
        Assert.Equal([0, 1, 2], node.Shown.Select(entry => entry.Revision));
    }

    [Fact]
    public async Task A_conversation_is_started_once()
    {
        var node = await NodeAsync();
        var other = await NodeAsync();

        var started = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => (n % 2 == 0 ? node : other).StartConversationAsync(Ann, Ben)));

        Assert.Single(started, answer => answer.Happened);
        Assert.Single(await EntriesAsync());
    }

    [Fact]
    public async Task A_writer_that_stops_finishes_what_it_has_taken_and_takes_no_more()
    {
        var node = await NodeAsync();
        var sending = Enumerable.Range(0, 100).Select(_ => node.SendAsync(Ann, Ben)).ToList();

        await node.DisposeAsync();

        await Task.WhenAll(sending);
        Assert.Equal(100, (await MessagesAsync()).Count);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben));
    }
}
