using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// Messages that were sealed for another time than their conversation keeps them are sealed again, in their places.
/// </summary>
public sealed class SealingAgainSpecs : WriterSpecs
{
    [Fact]
    public async Task A_sender_who_was_erased_meanwhile_is_refused_and_nobody_else()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, AppendsInFlight = 1 });
        await node.SendAsync(Ann, Ben);
        await node.KeepAsync(Theirs, Ann, new RetentionPolicy(7, null));
        var sealer = new Sealer(erased: Ann);
        var outdated = new SealedFor(RetentionPolicy.Default, sealer, "what it is made of");
        Task<Sent> first, second;
        MessageId kept = WriterNode.NewId();
        using (node.Store.Hold())
        {
            var held = node.SendAsync(Ben, Ann);
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "an append is under way");
            first = node.SendAsync(Theirs, Ann, WriterNode.NewId(), assumption: outdated);
            second = node.SendAsync(Theirs, Ben, kept, assumption: outdated);
        }

        Assert.Equal(Refusal.Erased, (await Assert.ThrowsAsync<RefusedException>(() => first)).Refusal);
        Assert.Equal((await second).Seq, (await MessagesAsync())[^1].Seq);
        Assert.Equal(kept, (await MessagesAsync())[^1].Id);
        Assert.Equal(2, sealer.Asked);
    }

    [Fact]
    public async Task What_cannot_be_sealed_now_fails_by_itself_and_not_with_what_waits_beside_it()
    {
        var node = await NodeAsync(new WriterOptions { Partitions = 1, AppendsInFlight = 1 });
        await node.SendAsync(Ann, Ben);
        await node.KeepAsync(Theirs, Ann, new RetentionPolicy(7, null));
        var outdated = new SealedFor(RetentionPolicy.Default, new Sealer(away: Ann), "what it is made of");
        Task<Sent> held, unsealed, sent;
        Task<LogPosition> read;
        using (node.Store.Hold())
        {
            held = node.SendAsync(Ben, Ann);
            await Eventually.IsTrue(() => node.Store.UnderWay == 1, "an append is under way");
            unsealed = node.SendAsync(Theirs, Ann, WriterNode.NewId(), assumption: outdated);
            read = node.ReadAsync(Theirs, Ben, 1);
            sent = node.SendAsync(Ben, Ann);
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => unsealed);
        await read;
        Assert.Equal((await held).Seq + 1, (await sent).Seq);
        Assert.Equal(3, (await MessagesAsync()).Count);
    }

    private sealed class Sealer(UserId? erased = null, UserId? away = null) : IMessageSealer
    {
        private int _asked;

        public int Asked => _asked;

        public ValueTask<ConversationCommand.SendMessage> SealAgainAsync(
            object request, ConversationId conversation, ConversationCommand.SendMessage command, RetentionPolicy policy)
        {
            Interlocked.Increment(ref _asked);
            if (command.Sender == away)
                throw new StoreUnavailableException("The keys are away, as the test wishes.");
            return command.Sender == erased ? throw new RefusedException(Refusal.Erased) : ValueTask.FromResult(command);
        }
    }
}
