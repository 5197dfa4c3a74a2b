using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Writing;

/// <summary>Asks the read side for messages whose ids are too old, or tell too little, to be recognised from memory.</summary>
internal sealed class IdLookUp(ISentMessages messages, IReadSide readSide, SentIds sentIds)
{
    /// <summary>How long the read side may take to hold all that has left memory.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    /// <summary>Looks many up at once and leaves with each what was found.</summary>
    /// <param name="sends">Messages of one conversation.</param>
    /// <param name="through">See <see cref="LookedUp.Through"/>.</param>
    /// <param name="position">A position by which all of that is in the log.</param>
    /// <exception cref="StoreUnavailableException">The read side is away, or too far behind to give an exact answer.</exception>
    public async Task<bool> FindAsync(IReadOnlyList<SendWork> sends, long through, LogPosition position)
    {
        var needed = position > sentIds.ForgottenThrough ? position : sentIds.ForgottenThrough;
        if (!await readSide.WaitForAsync(needed, WaitMax, CancellationToken.None))
            throw new StoreUnavailableException("The read models are too far behind to tell whether the message is a retry.");

        var keys = sends.Select(send => (send.Command.Sender, send.Command.MessageId)).ToHashSet();
        var found = await messages.FindAsync(keys, CancellationToken.None);
        foreach (var send in sends)
            send.LookedUp = new LookedUp(found.GetValueOrDefault((send.Command.Sender, send.Command.MessageId)), through);
        return true;
    }
}
