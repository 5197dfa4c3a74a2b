using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>Messages that were sealed for another time than their conversation keeps them are sealed again, in their places.</summary>
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

    private sealed class Sealer(UserId erased) : IMessageSealer
    {
        private int _asked;

        public int Asked => _asked;

        public ValueTask<ConversationCommand.SendMessage> SealAgainAsync(
            object request, ConversationId conversation, ConversationCommand.SendMessage command, RetentionPolicy policy)
        {
            Interlocked.Increment(ref _asked);
            return command.Sender == erased ? throw new RefusedException(Refusal.Erased) : ValueTask.FromResult(command);
        }
    }
}
