using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Messages;

/// <summary>Finds messages that were sent before, to do something with them: to reply, to edit, to react.</summary>
public sealed class EarlierMessages(IConversationWriter conversations, ITimeline timeline, IEventStore store, IReadSide readSide)
{
    /// <summary>How long a message that was just sent may take to be seen here.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <returns>The seq of a message that the caller may see; null when there is none of this id.</returns>
    public async ValueTask<long?> SeqOfAsync(ConversationId conversation, MessageId target, UserId caller, CancellationToken cancellationToken) =>
        (await FindAsync(conversation, target, caller, cancellationToken))?.Entry.Seq;

    /// <summary>A message that the caller may see, also one that was sent a moment ago; null when there is none of this id, or no such conversation.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be told now.</exception>
    public async ValueTask<FoundMessage?> FindAsync(
        ConversationId conversation, MessageId target, UserId caller, CancellationToken cancellationToken)
    {
        var state = await conversations.PeekAsync(conversation, cancellationToken);
        if (!state.Members.TryGetValue(caller, out var member))
            return null;
        if (await timeline.MessageAsync(conversation, target, member, cancellationToken) is { } found)
            return found;

        // It may be on its way into the views, sent at this node or at another one: its socket frame is faster.
        return await readSide.WaitForAsync(await store.HeadAsync(cancellationToken), Patience, cancellationToken)
            ? await timeline.MessageAsync(conversation, target, member, cancellationToken)
            : throw new StoreUnavailableException("The read models are too far behind to tell whether there is such a message.");
    }
}
