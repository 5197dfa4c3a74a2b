using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using FsCheck.Xunit;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>Several nodes write to one log, and to the same conversations.</summary>
public sealed class WritingNodesSpecs : WriterSpecs
{
    [Fact]
    public async Task Who_writes_second_decides_again()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.SendAsync(Ann, Ben);
        await other.SendAsync(Ben, Ann);

        Assert.Equal(3, (await one.SendAsync(Ann, Ben)).Seq);
        Assert.Equal(4, (await other.SendAsync(Ben, Ann)).Seq);

        Assert.Equal(4, (await MessagesAsync()).Count);
        Assert.Equal([2, 3, 4], other.Shown.Select(entry => entry.Revision)); // Also what the first node wrote since.
    }

    [Fact]
    public async Task Both_start_a_conversation_at_the_same_instant_and_meet_in_it()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());

        var sent = await Task.WhenAll(one.SendAsync(Ann, Ben), other.SendAsync(Ben, Ann));

        Assert.Equal([1, 2], sent.Select(answer => answer.Seq).Order());
        Assert.Equal(3, (await EntriesAsync()).Count);
    }

    [Fact]
    public async Task Who_always_comes_second_gives_up_in_the_end()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, ConflictRetriesMax = 3 });
        var first = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        node.Store.BeforeAppend = _ => first.SendAsync(Ben, Ann);
        var before = node.Store.Appends.Count;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben));

        Assert.Equal(before + 4, node.Store.Appends.Count);
        node.Store.BeforeAppend = null;
        Assert.Equal(6, (await node.SendAsync(Ann, Ben)).Seq);
        Assert.Equal(6, (await MessagesAsync()).Count);
    }

    [Fact]
    public async Task What_the_other_node_wrote_is_no_reason_to_refuse()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await other.SendAsync(Ben, Ann);
        for (var n = 0; n < 3; n++)
            await one.SendAsync(Ann, Ben);

        await other.DeliverAsync(Theirs, Ben, 4); // Beyond what this node has seen.

        await Assert.ThrowsAsync<RefusedException>(() => other.DeliverAsync(Theirs, Ben, 5));
    }

    [Fact]
    public async Task The_same_id_through_both_nodes_is_stored_once()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.SendAsync(Ann, Ben);
        await other.SendAsync(Ann, Ben);
        var id = WriterNode.NewId();

        var sent = await Task.WhenAll(Enumerable.Range(0, 50).Select(n => (n % 2 == 0 ? one : other).SendAsync(Ann, Ben, id)));

        Assert.Single(sent, answer => !answer.Duplicate);
        Assert.Single(sent.Select(answer => answer.Seq).Distinct());
        Assert.Equal(3, (await MessagesAsync()).Count);
    }

    [Fact]
    public async Task What_another_node_announces_is_read_and_shown()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await other.SendAsync(Ben, Ann);
        await one.SendAsync(Ann, Ben);
        await one.SendAsync(Ann, Ben);

        foreach (var news in one.Announced)
            other.Writer.Notice(news.Conversation, news.FirstSeq, news.LastSeq, isWatched: true);

        await Eventually.IsTrue(() => other.Shown.Count == 4, "the other node shows what was announced");
        Assert.Equal([0, 1, 2, 3], other.Shown.Select(entry => entry.Revision));
    }

    [Fact]
    public async Task What_was_read_before_it_was_announced_is_shown_all_the_same()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        for (var n = 0; n < 3; n++)
            await one.SendAsync(Ann, Ben);
        await other.Writer.PeekAsync(Theirs, default);
        Assert.Empty(other.Shown);

        await other.NoticeAsync(one.Announced.Last());
        Assert.Equal([3], other.Shown.Select(entry => entry.Revision));

        await other.NoticeAsync(one.Announced.First()); // Late, as announcements may be.
        Assert.Equal([3, 0, 1, 2, 3], other.Shown.Select(entry => entry.Revision));

        other.Store.Reads.Clear();
        foreach (var news in one.Announced)
            await other.NoticeAsync(news);
        Assert.Empty(other.Store.Reads); // All of it was shown.
    }

    [Fact]
    public async Task What_is_announced_while_it_is_being_read_is_shown()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.SendAsync(Ann, Ben);
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var hasRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        other.Store.AfterRead = stream =>
        {
            if (stream == StreamName.Of(Theirs))
                hasRead.TrySetResult();
            return held.Task;
        };
        var peek = other.Writer.PeekAsync(Theirs, default);
        await hasRead.Task.WaitAsync(Eventually.Deadline);

        var noticed = other.NoticeAsync(one.Announced.Single());
        held.SetResult();
        await Task.WhenAll(peek, noticed).WaitAsync(Eventually.Deadline);

        Assert.Equal([0, 1], other.Shown.Select(entry => entry.Revision));
    }

    [Fact]
    public async Task What_a_truncation_left_is_shown_by_a_node_that_it_left_behind()
    {
        var (busy, idle) = (await NodeAsync(), await NodeAsync());
        await busy.SendAsync(Ann, Ben);
        await idle.SendAsync(Ben, Ann);
        for (var n = 3; n <= 20; n++)
            await busy.SendAsync(Ann, Ben);
        await Views.WaitForAsync(busy.Writer.LastCommitted, TimeSpan.Zero, default);
        await Log.TruncateAsync(StreamName.Of(Theirs), 15, default);

        await idle.NoticeAsync(busy.Announced.Last());

        Assert.Equal([2, 15, 16, 17, 18, 19, 20], idle.Shown.Select(entry => entry.Revision));
    }

    [Fact]
    public async Task What_is_announced_to_a_node_without_sockets_for_it_is_not_read()
    {
        var node = await NodeAsync();

        node.Writer.Notice(Theirs, 0, 5, isWatched: false);
        await node.Writer.PeekAsync(DirectConversation.IdOf(Ann, new UserId(Guid.CreateVersion7())), default);

        Assert.DoesNotContain(node.Store.Reads, read => read.Stream == StreamName.Of(Theirs));
    }

    [Fact]
    public async Task A_conversation_in_memory_is_brought_up_to_date_without_sockets_for_it()
    {
        var (one, other) = (await NodeAsync(), await NodeAsync());
        await one.SendAsync(Ann, Ben);
        await other.Writer.PeekAsync(Theirs, default);
        await one.SendAsync(Ann, Ben); // No announcement arrives.

        other.Writer.Notice(Theirs, 0, 2, isWatched: false);
        await Eventually.IsTrue(() => other.Shown.Count == 1, "the new entry is read");

        Assert.Equal([2], other.Shown.Select(entry => entry.Revision));
        var reads = other.Store.Reads.Where(read => read.Stream == StreamName.Of(Theirs));
        Assert.Equal([1], reads.Skip(1).Select(read => read.From)); // From the last known entry on, which is compared.
    }

    [Fact]
    public async Task Own_entries_that_are_noticed_are_not_read_again()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        await node.SendAsync(Ann, Ben);
        node.Store.Reads.Clear();

        node.Writer.Notice(Theirs, 0, 2, isWatched: true);
        await node.Writer.PeekAsync(Theirs, default);

        Assert.Empty(node.Store.Reads);
    }

    [Fact]
    public async Task An_id_is_looked_up_once_though_the_other_node_goes_on_writing()
    {
        var clock = new ShiftedClock();
        var (busy, other) = (await NodeAsync(clock: clock), await NodeAsync(clock: clock));
        for (var n = 0; n < 40; n++)
            await SendLaterAsync();
        await other.SendAsync(Ben, Ann, clock.NewId());
        var (id, looks) = (new MessageId(Guid.NewGuid()), 0);
        Views.Finding = async ids =>
        {
            if (!ids.Contains((Ben, id)))
                return;
            Assert.True(++looks < 10, "It is looked up again and again.");
            await SendLaterAsync(); // Another message leaves the window, and this node reads the tail before it decides.
            other.Writer.Notice(Theirs, 0, busy.Announced.Last().LastSeq, isWatched: true);
        };

        var sent = await other.SendAsync(Ben, Ann, id).WaitAsync(Eventually.Deadline);
        var again = await other.SendAsync(Ben, Ann, id);

        Assert.Equal(1, looks);
        Assert.Equal((sent.Seq, false, true), (again.Seq, sent.Duplicate, again.Duplicate));

        Task SendLaterAsync()
        {
            clock.Shift += TimeSpan.FromSeconds(1);
            return busy.SendAsync(Ann, Ben, clock.NewId());
        }
    }

    [Fact]
    public async Task What_was_accepted_long_after_a_look_up_is_looked_up_again()
    {
        var clock = new ShiftedClock();
        var (one, other) = (await NodeAsync(clock: clock), await NodeAsync(clock: clock));
        for (var n = 0; n < 40; n++)
            await SendLaterAsync(one, clock.NewId());
        await other.SendAsync(Ben, Ann, clock.NewId());
        var id = new MessageId(Guid.NewGuid());
        var asked = false;
        Views.Finding = async ids =>
        {
            if (asked || !ids.Contains((Ann, id)))
                return;
            asked = true;
            await SendLaterAsync(one, id); // The very message, through the other node; and it leaves the window before this node goes on.
            for (var n = 0; n < 40; n++)
                await SendLaterAsync(one, clock.NewId());
            other.Writer.Notice(Theirs, 0, one.Announced.Last().LastSeq, isWatched: true);
        };

        var sent = await other.SendAsync(Ann, Ben, id).WaitAsync(Eventually.Deadline);

        Assert.True(sent.Duplicate);
        Assert.Single(await MessagesAsync(), message => message.Id == id);

        Task SendLaterAsync(WriterNode node, MessageId message)
        {
            clock.Shift += TimeSpan.FromSeconds(1);
            return node.SendAsync(Ann, Ben, message);
        }
    }

    [Fact]
    public async Task A_refusal_that_must_be_checked_holds_up_nothing_that_stands_before_it()
    {
        var clock = new ShiftedClock();
        var node = await NodeAsync(clock: clock);
        clock.Shift = TimeSpan.FromMinutes(1); // Ids are proved new by their time.
        await node.SendAsync(Ann, Ben, clock.NewId());
        await node.DeliverAsync(Theirs, Ben, 0);
        List<Task<Sent>> sending = [];
        List<int> reads = [];
        Task<LogPosition> refused;
        node.Store.Reads.Clear();
        node.Store.BeforeAppend = _ =>
        {
            reads.Add(node.Store.Reads.Count);
            return Task.CompletedTask;
        };
        using (node.Store.Hold())
        {
            sending.Add(node.SendAsync(Ann, Ben, clock.NewId()));
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "the first append is under way");
            sending.AddRange(Enumerable.Range(0, 5).Select(_ => node.SendAsync(Ann, Ben, clock.NewId())));
            refused = node.DeliverAsync(Theirs, new UserId(Guid.CreateVersion7()), 0);
            sending.AddRange(Enumerable.Range(0, 5).Select(_ => node.SendAsync(Ben, Ann, clock.NewId())));
        }

        Assert.Equal(Enumerable.Range(2, 11).Select(seq => (long)seq), (await Task.WhenAll(sending)).Select(sent => sent.Seq));
        await Assert.ThrowsAsync<RefusedException>(() => refused);
        Assert.Equal([0, 0], reads.Take(2)); // The log was read before the third: it had the last word on the refusal.
        Assert.True(reads[2] > 0);
    }

    /// <summary>
    /// Steps of two nodes: which node, whose message, to whom, and whether to wait for the answer before the next.
    /// </summary>
    [Property(MaxTest = 60)]
    public async Task Any_interleaving_of_two_nodes_gives_one_order_without_gaps((bool Node, byte Pair, bool Retry, bool Wait)[] steps)
    {
        var log = new InMemoryEventStore();
        var views = new Views(log);
        await using var one = await WriterNode.StartAsync(log, views, new WriterOptions { Partitions = 1, ConversationsMax = 2 });
        await using var other = await WriterNode.StartAsync(log, views, new WriterOptions { Partitions = 2 });
        var people = Enumerable.Range(0, 4).Select(_ => new UserId(Guid.CreateVersion7())).ToArray();
        var ids = new List<(MessageId Id, UserId From, UserId To)>();
        var sending = new List<(MessageId Id, Task<Sent> Answer)>();
        foreach (var (node, pair, retry, wait) in steps)
        {
            var (from, to) = (people[pair % 4], people[(pair % 4 + 1 + pair / 4 % 3) % 4]);
            var message = retry && ids.Count > 0 ? ids[pair % ids.Count] : (Id: WriterNode.NewId(), From: from, To: to);
            ids.Add(message);
            sending.Add((message.Id, (node ? one : other).SendAsync(message.From, message.To, message.Id)));
            if (wait)
                await sending[^1].Answer.WaitAsync(Eventually.Deadline);
        }

        await Task.WhenAll(sending.Select(step => step.Answer)).WaitAsync(Eventually.Deadline);

        foreach (var answers in sending.GroupBy(step => step.Id))
        {
            Assert.Single(answers.Select(step => (step.Answer.Result.Conversation, step.Answer.Result.Seq, step.Answer.Result.SentAt)).Distinct());
            Assert.True(answers.Count(step => !step.Answer.Result.Duplicate) <= 1);
        }

        foreach (var conversation in sending.GroupBy(step => step.Answer.Result.Conversation))
        {
            var stored = (await log.ReadStreamAsync(StreamName.Of(conversation.Key), 0, ReadDirection.Forwards, 10_000, default)).Select(new EventCodec().Decode).ToList();
            Assert.Equal(Enumerable.Range(0, stored.Count).Select(seq => (long)seq), stored.Select(entry => entry.Revision));
            var messages = stored.Where(entry => entry.Event is ConversationEvent.MessageSent)
                .Select(entry => (((ConversationEvent.MessageSent)entry.Event).MessageId, entry.Revision)).ToList();
            Assert.Equal(stored.Count - 1, messages.Count);
            Assert.Equal(
                conversation.Select(step => (step.Id, step.Answer.Result.Seq)).Distinct().OrderBy(message => message.Seq), messages);
        }
    }
}
