using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Writing;

/// <summary>
/// Looks up message ids in the read side that memory cannot recognise: ids that are too old, or that carry no time.
/// </summary>
internal sealed class IdLookUp(ISentMessages messages, IReadSide readSide, SentIds sentIds)
{
    /// <summary>How long the read side may take to hold every message that has left memory.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    /// <summary>Looks up many ids at once, and sets <see cref="PendingSend.LookedUp"/> of each message.</summary>
    /// <param name="sends">Messages of one conversation, at least one.</param>
    /// <param name="through">See <see cref="LookedUp.Through"/>.</param>
    /// <param name="position">A position at which the log holds the entries up to <paramref name="through"/>.</param>
    /// <exception cref="StoreUnavailableException">
    /// The read side is away, too far behind to give an exact answer, or knows only a part of the conversation.
    /// </exception>
    public async Task<bool> FindAsync(IReadOnlyList<PendingSend> sends, long through, LogPosition position)
    {
        var needed = position > sentIds.ForgottenThrough ? position : sentIds.ForgottenThrough;
        if (!await readSide.WaitForAsync(needed, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The read models are too far behind to recognise a retry.");
        if (await readSide.EndsEarlyAsync(sends[0].Conversation, CancellationToken.None))
            throw new StoreUnavailableException("The conversation's views end early; a retry cannot be recognised.");

        var keys = sends.Select(send => (send.Command.Sender, send.Command.MessageId)).ToHashSet();
        var found = (await messages.FindAsync(keys, sends[0].Conversation, CancellationToken.None))
            .ToLookup(message => message.Message);
        foreach (var send in sends)
        {
            var same = found[send.Command.MessageId];
            send.LookedUp = new LookedUp(
                same.FirstOrDefault(message => message.Sender == send.Command.Sender),
                same.Any(message =>
                    message.Sender != send.Command.Sender && message.Conversation == send.Conversation),
                through);
        }

        return true;
    }
}
