using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
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

    [Fact]
    public async Task A_message_waits_for_its_files_with_its_senders_later_ones_alone()
    {
        var node = await StartAsync();
        var (anns, bens) = (Files(), Files());
        var slow = node.SendAsync(Theirs, Ann, _clock.NewId(), maySend: anns.Task);
        var later = node.SendAsync(Ann, Ben, _clock.NewId());
        var others = node.SendAsync(Theirs, Ben, _clock.NewId(), maySend: bens.Task);

        Assert.Equal(1, (await node.Writer.PeekAsync(Theirs, default).WaitAsync(Eventually.Deadline)).LastSeq);
        await node.ReadAsync(Theirs, Ann, 1).WaitAsync(Eventually.Deadline);
        bens.SetResult(true); // One sender's files hold up nobody else's.
        Assert.Equal(2, (await others.WaitAsync(Eventually.Deadline)).Seq);
        Assert.False(slow.IsCompleted || later.IsCompleted);

        anns.SetResult(true);
        Assert.Equal((3L, 4L), ((await slow).Seq, (await later).Seq));
    }

    [Fact]
    public async Task Files_of_others_refuse_their_message_alone()
    {
        var node = await StartAsync();
        var files = Files();
        var id = _clock.NewId();
        var refused = node.SendAsync(Theirs, Ann, id, maySend: files.Task);
        var later = node.SendAsync(Ann, Ben, _clock.NewId());

        files.SetResult(false);

        var refusal = await Assert.ThrowsAsync<RefusedException>(() => refused.WaitAsync(Eventually.Deadline));
        Assert.Equal(Refusal.FileNotToSend, refusal.Refusal);
        Assert.Equal(2, (await later.WaitAsync(Eventually.Deadline)).Seq);
        // Nothing was stored, so the id is free.
        Assert.Equal(3, (await node.SendAsync(Theirs, Ann, id, maySend: Task.FromResult(true))).Seq);
    }

    [Fact]
    public async Task A_look_up_of_files_that_fails_fails_its_message_alone()
    {
        var node = await StartAsync();
        var files = Files();
        var unknown = node.SendAsync(Theirs, Ann, _clock.NewId(), maySend: files.Task);
        var later = node.SendAsync(Ann, Ben, _clock.NewId());

        files.SetException(new StoreUnavailableException("The files cannot be read, as the test wished."));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => unknown.WaitAsync(Eventually.Deadline));
        Assert.Equal(2, (await later.WaitAsync(Eventually.Deadline)).Seq);
        var away = Task.FromException<bool>(new StoreUnavailableException("Still away, as the test wished."));
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => node.SendAsync(Theirs, Ann, _clock.NewId(), maySend: away).WaitAsync(Eventually.Deadline));
    }

    [Fact]
    public async Task A_retry_does_not_ask_for_its_files()
    {
        var node = await StartAsync();
        var id = _clock.NewId();
        await node.SendAsync(Theirs, Ann, id, maySend: Task.FromResult(true));

        foreach (var files in new[] { Files().Task, Task.FromResult(false) })
        {
            var again = await node.SendAsync(Theirs, Ann, id, maySend: files).WaitAsync(Eventually.Deadline);
            Assert.Equal((true, 2L), (again.Duplicate, again.Seq));
        }
    }

    [Fact]
    public async Task Files_that_become_known_during_a_look_up_are_not_forgotten()
    {
        var node = await StartAsync();
        var files = Files();
        var unknown = node.SendAsync(Ann, Ben, new MessageId(Guid.NewGuid()));
        await Eventually.IsTrue(() => Views.LookedUp > 0, "the id is being looked up");
        var others = node.SendAsync(Theirs, Ben, _clock.NewId(), maySend: files.Task);
        files.SetResult(true);

        _answer.SetResult();

        Assert.Equal(
            [2, 3],
            (await Task.WhenAll(unknown, others).WaitAsync(Eventually.Deadline)).Select(sent => sent.Seq).Order());
    }

    [Fact]
    public async Task Files_that_become_known_after_their_message_has_failed_change_nothing()
    {
        var node = await StartAsync();
        var files = Files();
        var nowhere = new ConversationId(Guid.NewGuid());
        var failed = node.SendAsync(nowhere, Ann, new MessageId(Guid.NewGuid()), maySend: files.Task);
        await Eventually.IsTrue(() => Views.LookedUp > 0, "the id is being looked up");
        _answer.SetException(new StoreUnavailableException("The read side is away, as the test wished."));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => failed.WaitAsync(Eventually.Deadline));

        files.SetResult(true); // The conversation does not exist, and is forgotten.

        var refusal = await Assert.ThrowsAsync<RefusedException>(
            () => node.SendAsync(nowhere, Ann, _clock.NewId()).WaitAsync(Eventually.Deadline));
        Assert.Equal(Refusal.ConversationUnknown, refusal.Refusal);
        Assert.False(node.HasGivenUp);
    }

    [Fact]
    public async Task A_look_up_of_files_that_is_cut_short_fails_its_message_alone()
    {
        var node = await StartAsync();
        var files = Files();
        var unknown = node.SendAsync(Theirs, Ann, _clock.NewId(), maySend: files.Task);
        var later = node.SendAsync(Ann, Ben, _clock.NewId());

        files.SetCanceled();

        await Assert.ThrowsAsync<StoreUnavailableException>(() => unknown.WaitAsync(Eventually.Deadline));
        Assert.Equal(2, (await later.WaitAsync(Eventually.Deadline)).Seq);
    }

    [Fact]
    public async Task An_id_that_is_known_by_its_look_up_does_not_wait_for_files()
    {
        var node = await StartAsync();
        _answer.SetResult();
        var (id, other) = (new MessageId(Guid.NewGuid()), new UserId(Guid.NewGuid()));
        await node.SendAsync(Ann, Ben, id);

        var again = node.SendAsync(
            DirectConversation.IdOf(Ann, other), Ann, id, startWith: other, maySend: Files().Task);

        var refusal = await Assert.ThrowsAsync<RefusedException>(() => again.WaitAsync(Eventually.Deadline));
        Assert.Equal(Refusal.MessageIdReused, refusal.Refusal);
    }

    private static TaskCompletionSource<bool> Files() => new(TaskCreationOptions.RunContinuationsAsynchronously);

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
