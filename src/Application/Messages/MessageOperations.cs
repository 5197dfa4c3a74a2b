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
/// Edits, deletes, reacts to or votes in an earlier message. The conversation's state does not hold its messages: the
/// view supplies the message, and the command carries what was found. If the view lags too far for a decision, it is
/// read again.
/// </summary>
public sealed class MessageOperations(
    IConversationWriter conversations, Membership membership, EarlierMessages messages, DirectBlocks blocks,
    TimeProvider clock)
{
    /// <summary>How often the view is read before giving up.</summary>
    private const int AttemptsMax = 40;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);

    /// <param name="command">Builds the command for the message found.</param>
    /// <exception cref="RefusedException">There is no such message, or the command is refused.</exception>
    public async Task<(TimelineEntry Message, Changed Changed)> DoAsync(
        UserId caller, DeviceId device, ConversationId conversation, MessageId id,
        Func<TimelineEntry, MessageFacts, ValueTask<ConversationCommand>> command, CancellationToken cancellationToken)
    {
        var origin = new Origin(new Actor(caller, device), Activity.Current?.TraceId.ToHexString(), null);
        for (var attempt = 1; ; attempt++)
        {
            await membership.RequireAsync(caller, conversation, cancellationToken);
            var found = await messages.FindAsync(conversation, id, caller, cancellationToken)
                ?? throw new RefusedException(Refusal.MessageUnknown);
            try
            {
                var isBlocked = await blocks.IsBlockedAsync(conversation, caller, cancellationToken);
                var wanted = await command(found.Entry, FactsOf(found, caller, isBlocked));
                return (found.Entry, await conversations.ChangeAsync(conversation, wanted, origin, cancellationToken));
            }
            catch (RefusedException refused) when (refused.Refusal == Refusal.MessageBusy && attempt < AttemptsMax)
            {
                await Task.Delay(RetryAfter, clock, cancellationToken);
            }
        }
    }

    private static MessageFacts FactsOf(FoundMessage found, UserId caller, bool isBlocked)
    {
        var message = found.Entry.Message!;
        return new MessageFacts(
            message.MessageId, found.Entry.Seq, message.Sender, message.SentAt, message.DeletedAt is not null,
            message.Reactions.FirstOrDefault(reaction => reaction.User == caller.Value)?.Emoji, found.AsOf, isBlocked)
        {
            OwnVote = message.Votes.FirstOrDefault(vote => vote.User == caller.Value)?.Vote ?? Vote.None,
        };
    }
}
