using ChatCqrs.Application.Ports;
using ChatCqrs.Testing;

namespace ChatCqrs.Application.Specs.Writing;

public sealed class BrokenWriterSpecs : WriterSpecs
{
    [Fact]
    public async Task A_writer_that_breaks_takes_nothing_more_and_lets_its_node_stop()
    {
        var node = await NodeAsync();
        await node.SendAsync(Ann, Ben);
        node.IsBroken = true;

        var lost = node.SendAsync(Ann, Ben);
        await Eventually.IsTrue(() => node.HasGivenUp, "the node is asked to stop");

        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.SendAsync(Ann, Ben));
        Assert.False(lost.IsCompletedSuccessfully); // It is in the log, but nobody may be told so any more: a retry finds it.
    }
}
