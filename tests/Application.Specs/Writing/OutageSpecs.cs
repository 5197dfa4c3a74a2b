using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// While the store is away it is asked whether it is back, not for every conversation that waits for it; then each goes
/// on where it was.
/// </summary>
public sealed class OutageSpecs : WriterSpecs
{
    [Fact]
    public async Task A_store_that_is_away_is_asked_by_one_for_all()
    {
        var clock = new ShiftedClock { Hurries = true };
        var node = await NodeAsync(new WriterOptions { Partitions = 1 }, clock);
        var others = Enumerable.Range(0, 40).Select(_ => new UserId(Guid.CreateVersion7())).ToList();
        foreach (var other in others)
            await node.SendAsync(Ann, other);

        node.Store.IsAway = true;
        foreach (var other in others)
            await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, other));
        node.Store.Reads.Clear();
        var heads = node.Store.Heads;
        await Eventually.IsTrue(() => node.Store.Heads >= heads + 20, "it is asked again and again");
        foreach (var other in others)
            await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, other)); // Answered all the same.

        var (asked, answer, next) = (0, new TaskCompletionSource(), new TaskCompletionSource());
        node.Store.BeforeHead = () =>
        {
            Interlocked.Increment(ref asked);
            return answer.Task;
        };
        await Eventually.IsTrue(() => Volatile.Read(ref asked) > 0, "it is asked, and does not answer");
        var waiting = others.Select(other => node.SendAsync(Ann, other)).ToList();
        node.Store.BeforeHead = () => next.Task;
        answer.SetResult();
        foreach (var task in waiting)
            await Assert.ThrowsAsync<StoreUnavailableException>(() => task.WaitAsync(Eventually.Deadline));
        Assert.Equal(1, asked); // All of them waited for one answer.
        Assert.Empty(node.Store.Reads);

        node.Store.IsAway = false;
        next.SetResult();
        foreach (var other in others)
        {
            Assert.Equal(2, (await UntilTakenAsync(() => node.SendAsync(Ann, other))).Seq);
            Assert.Equal(2, (await MessagesAsync(DirectConversation.IdOf(Ann, other))).Count);
        }
    }
}
