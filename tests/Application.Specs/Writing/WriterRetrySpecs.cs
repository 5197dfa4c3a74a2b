using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>The same message id again returns the first result, for ever, whatever kind of UUID it is.</summary>
public sealed class WriterRetrySpecs : WriterSpecs
{
    private readonly ShiftedClock _clock = new();

    public static TheoryData<string, Guid> Ids => new()
    {
        { "version 4", Guid.NewGuid() },
        { "version 7, made now", Guid.CreateVersion7() },
        { "version 7, made long ago", Guid.CreateVersion7(DateTimeOffset.UtcNow.AddYears(-3)) },
        { "version 7, made in a minute", Guid.CreateVersion7(DateTimeOffset.UtcNow.AddMinutes(1)) },
        { "version 7, made in a year", Guid.CreateVersion7(DateTimeOffset.UtcNow.AddYears(1)) },
        { "version 7, made at the end of time", new Guid("ffffffff-ffff-7fff-bfff-ffffffffffff") },
        { "no version at all", new Guid("01020304-0506-0708-090a-0b0c0d0e0f10") },
    };

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task A_retry_is_recognised_at_once_and_for_ever(string kind, Guid id)
    {
        var node = await NodeAsync(clock: _clock);
        await node.SendAsync(Ann, Ben);
        var first = await node.SendAsync(Ann, Ben, new MessageId(id));
        Assert.False(first.Duplicate, kind);

        await IsRecognisedAsync(node); // While it is in the conversation's window ...
        await LeaveTheWindowAsync(node);
        await IsRecognisedAsync(node); // ... after it has left it ...
        await IsRecognisedAsync(await NodeAsync(clock: _clock)); // ... and on a node that has only just started.

        async Task IsRecognisedAsync(WriterNode at)
        {
            var again = await at.SendAsync(Ann, Ben, new MessageId(id));
            Assert.Equal((first.Seq, first.SentAt, true), (again.Seq, again.SentAt, again.Duplicate));
            var reused = await Assert.ThrowsAsync<RefusedException>(() => at.SendAsync(Ann, Ben, new MessageId(id), content: 2));
            Assert.Equal(Refusal.MessageIdReused, reused.Refusal);
            var elsewhere = await Assert.ThrowsAsync<RefusedException>(() => at.SendAsync(Ann, new UserId(Guid.CreateVersion7()), new MessageId(id)));
            Assert.Equal(Refusal.MessageIdReused, elsewhere.Refusal);
            Assert.Single(await MessagesAsync(), message => message.Id.Value == id);
        }
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task Of_many_at_once_one_is_stored(string kind, Guid id)
    {
        var node = await NodeAsync(clock: _clock);

        var sent = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => node.SendAsync(Ann, Ben, new MessageId(id))));

        Assert.Single(sent, answer => !answer.Duplicate);
        Assert.All(sent, answer => Assert.Equal(1, answer.Seq));
        Assert.True((await MessagesAsync()).Count == 1, kind);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task Of_many_with_different_contents_one_is_stored_and_the_others_are_refused(string kind, Guid id)
    {
        var node = await NodeAsync(clock: _clock);

        var sending = Enumerable.Range(0, 20).Select(n => node.SendAsync(Ann, Ben, new MessageId(id), content: n)).ToList();
        await Task.WhenAll(sending).ContinueWith(_ => { }, TaskScheduler.Default);

        Assert.Equal(1, sending.Count(task => task.IsCompletedSuccessfully));
        Assert.All(sending.Where(task => task.IsFaulted), task => Assert.Equal(Refusal.MessageIdReused, Assert.IsType<RefusedException>(task.Exception!.InnerException).Refusal));
        Assert.True((await MessagesAsync()).Count == 1, kind);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task Nobody_else_uses_an_id_in_the_same_conversation(string kind, Guid id)
    {
        var node = await NodeAsync(clock: _clock);
        await node.SendAsync(Ann, Ben);
        var first = await node.SendAsync(Ann, Ben, new MessageId(id));

        await IsRefusedAsync(node);
        await LeaveTheWindowAsync(node);
        await IsRefusedAsync(node);
        await IsRefusedAsync(await NodeAsync(clock: _clock));

        Assert.Equal(
            (first.Seq, true), await node.SendAsync(Ann, Ben, new MessageId(id)) is var again
                ? (again.Seq, again.Duplicate)
                : default);
        Assert.False((await node.SendAsync(Ben, new UserId(Guid.CreateVersion7()), new MessageId(id))).Duplicate, kind);

        async Task IsRefusedAsync(WriterNode at)
        {
            var refused = await Assert.ThrowsAsync<RefusedException>(() => at.SendAsync(Ben, Ann, new MessageId(id)));
            Assert.Equal(Refusal.MessageIdReused, refused.Refusal);
            Assert.Single(await MessagesAsync(), message => message.Id.Value == id);
        }
    }

    [Fact]
    public async Task Of_two_senders_who_use_one_id_at_two_nodes_at_once_one_is_refused()
    {
        var (one, other) = (await NodeAsync(clock: _clock), await NodeAsync(clock: _clock));
        await one.SendAsync(Ann, Ben);
        await other.SendAsync(Ben, Ann);
        var id = _clock.NewId();
        Task<Sent>[] sending;
        using (one.Store.Hold())
        using (other.Store.Hold())
        {
            sending = [one.SendAsync(Ann, Ben, id), other.SendAsync(Ben, Ann, id)];
            await Eventually.IsTrue(() => one.Store.UnderWay == 1 && other.Store.UnderWay == 1, "both are under way");
        }

        await Task.WhenAll(sending).ContinueWith(_ => { }, TaskScheduler.Default);

        var failed = Assert.Single(sending, task => task.IsFaulted);
        Assert.Equal(
            Refusal.MessageIdReused, Assert.IsType<RefusedException>(failed.Exception!.InnerException).Refusal);
        Assert.Single(await MessagesAsync(), message => message.Id == id);
    }

    [Fact]
    public async Task A_fresh_id_asks_nobody()
    {
        var node = await NodeAsync(clock: _clock);
        _clock.Shift += TimeSpan.FromMinutes(1); // Past what a node that has only just started cannot prove.
        for (var n = 0; n < 100; n++)
            await node.SendAsync(Ann, Ben, _clock.NewId());
        Assert.Equal(0, Views.LookedUp);
    }

    [Fact]
    public async Task What_the_views_are_too_far_behind_to_tell_is_refused_and_not_guessed()
    {
        var node = await NodeAsync(clock: _clock);
        var id = new MessageId(Guid.NewGuid());
        await node.SendAsync(Ann, Ben, id);
        Views.Held = true;
        await LeaveTheWindowAsync(node);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben, id));

        Views.Held = false;
        Assert.Equal((1L, true), (await node.SendAsync(Ann, Ben, id)) is var sent ? (sent.Seq, sent.Duplicate) : default);
    }

    [Fact]
    public async Task What_views_that_end_early_cannot_tell_is_refused_and_not_guessed()
    {
        var node = await NodeAsync(clock: _clock);
        var id = new MessageId(Guid.NewGuid());
        await node.SendAsync(Ann, Ben, id);
        Views.EndsEarly = Theirs;
        await LeaveTheWindowAsync(node);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben, id));

        Views.EndsEarly = null;
        Assert.True((await node.SendAsync(Ann, Ben, id)).Duplicate);
    }

    [Fact]
    public async Task What_cannot_be_told_fails_by_itself_and_not_with_what_waits_beside_it()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, AppendsInFlight = 1 }, _clock);
        var id = new MessageId(Guid.NewGuid());
        await node.SendAsync(Ann, Ben, id);
        Views.Held = true;
        await LeaveTheWindowAsync(node);
        Task<Sent> held, before, untold, after;
        Task<LogPosition> read;
        using (node.Store.Hold())
        {
            held = node.SendAsync(Ben, Ann, _clock.NewId());
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "an append is under way");
            before = node.SendAsync(Ann, Ben, _clock.NewId());
            untold = node.SendAsync(Ann, Ben, id);
            read = node.ReadAsync(Theirs, Ben, 1);
            after = node.SendAsync(Ben, Ann, _clock.NewId());
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => untold);
        await read;
        Assert.Equal([(await held).Seq + 1, (await held).Seq + 2], [(await before).Seq, (await after).Seq]); // In the order in which they came.
        Assert.Single(await MessagesAsync(), message => message.Id == id);
    }

    /// <summary>
    /// So much is said, and so much later, that nothing that was said before is in the conversation's window any more.
    /// </summary>
    private async Task LeaveTheWindowAsync(WriterNode node)
    {
        _clock.Shift += TimeSpan.FromMinutes(2);
        for (var n = 0; n < RecentMessages.WindowMin + 1; n++)
            await node.SendAsync(Ben, Ann, _clock.NewId());
    }
}
