using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Messages;

/// <summary>Finds earlier messages, to reply to, edit or react to them.</summary>
public sealed class EarlierMessages(
    IConversationWriter conversations, ITimeline timeline, IEventStore store, IReadSide readSide)
{
    /// <summary>How long to wait for the read models to show a message that was just sent.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(3);

    /// <returns>The seq of a message that the caller may see; null if there is none.</returns>
    public async ValueTask<long?> SeqOfAsync(
        ConversationId conversation, MessageId message, UserId caller, CancellationToken cancellationToken) =>
        (await FindAsync(conversation, message, caller, cancellationToken))?.Entry.Seq;

    /// <summary>
    /// A message that the caller may see, including one sent just now; null if there is none, or no such conversation.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The read models lag too far behind to tell.</exception>
    public async ValueTask<FoundMessage?> FindAsync(
        ConversationId conversation, MessageId message, UserId caller, CancellationToken cancellationToken)
    {
        var state = await conversations.PeekAsync(conversation, cancellationToken);
        if (!state.Members.TryGetValue(caller, out var member))
            return null;
        if (await timeline.MessageAsync(conversation, message, member, cancellationToken) is { } found)
            return found;

        // The views may not have it yet, whichever node it was sent to: socket frames are faster.
        return await readSide.WaitForAsync(await store.HeadAsync(cancellationToken), WaitMax, cancellationToken)
            ? await timeline.MessageAsync(conversation, message, member, cancellationToken)
            : throw new StoreUnavailableException(
                "The read models are too far behind to tell whether there is such a message.");
    }
}
