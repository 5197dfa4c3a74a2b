using System.Diagnostics;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Messages;

/// <summary>
/// Does something to a message that was sent. The conversation's state does not hold its messages: the message is looked up in the view, and what
/// was found goes with the command. Where the view is too far behind for a decision, it is looked up again.
/// </summary>
public sealed class MessageOperations(
    IConversationWriter conversations, Membership membership, EarlierMessages messages, DirectBlocks blocks, TimeProvider clock)
{
    /// <summary>How often a message is looked up again, and how long that waits.</summary>
    private const int TriesMax = 40;

    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMilliseconds(50);

    /// <param name="command">What is to be done with the message that was found.</param>
    /// <exception cref="RefusedException">There is no such message, or it may not be done.</exception>
    public async Task<(TimelineEntry Message, Changed Changed)> DoAsync(
        UserId caller, DeviceId device, ConversationId conversation, MessageId id,
        Func<TimelineEntry, MessageFacts, ValueTask<ConversationCommand>> command, CancellationToken cancellationToken)
    {
        var origin = new Origin(new Actor(caller, device), Activity.Current?.TraceId.ToHexString(), null);
        for (var tries = 1; ; tries++)
        {
            await membership.RequireAsync(caller, conversation, cancellationToken);
            var found = await messages.FindAsync(conversation, id, caller, cancellationToken) ?? throw new RefusedException(Refusal.MessageUnknown);
            try
            {
                var isBlocked = await blocks.IsBlockedAsync(conversation, caller, cancellationToken);
                var wanted = await command(found.Entry, FactsOf(found, caller, isBlocked));
                return (found.Entry, await conversations.ChangeAsync(conversation, wanted, origin, cancellationToken));
            }
            catch (RefusedException refused) when (refused.Refusal == Refusal.MessageBusy && tries < TriesMax)
            {
                await Task.Delay(TryAgainAfter, clock, cancellationToken);
            }
        }
    }

    private static MessageFacts FactsOf(FoundMessage found, UserId caller, bool isBlocked)
    {
        var message = found.Entry.Message!;
        return new MessageFacts(
            message.MessageId, found.Entry.Seq, message.Sender, message.SentAt, message.DeletedAt is not null,
            message.Reactions.FirstOrDefault(reaction => reaction.User == caller.Value)?.Emoji, found.AsOf, isBlocked);
    }
}
