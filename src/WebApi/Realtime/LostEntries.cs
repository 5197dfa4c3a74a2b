using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Starts this node over once an operator has renewed the log's incarnation: what memory holds may be entries that the
/// log has lost, and so may what clients hold. Memory is forgotten, and every socket is closed with 1001: the next
/// welcome tells the new incarnation (docs/adr/0007).
/// </summary>
internal sealed class LostEntries(
    ILogIncarnation incarnation, IEventStore log, IConversationWriter conversations, UserWriter users,
    BlockLists blocks, KnownUsers known, OpenSockets sockets, ILogger<LostEntries> logger)
{
    private Guid? _known;

    /// <param name="position">The position up to which this node has followed the log.</param>
    /// <returns>The position to go on from.</returns>
    /// <exception cref="StoreUnavailableException">The database or the log cannot be reached.</exception>
    public async Task<LogPosition> CheckAsync(LogPosition position, CancellationToken cancellationToken)
    {
        _known ??= incarnation.Current; // Not before the first look: it is read when the node starts.
        if (await incarnation.ReadAsync(cancellationToken) is var read && read == _known)
            return position;
        var head = await log.HeadAsync(cancellationToken);
        conversations.ForgetAll();
        users.ForgetAll();
        blocks.ForgetAll();
        known.ForgetAll();
        _known = read;
        logger.LogWarning("The log's incarnation is now {Incarnation}. All that was in memory is read anew.", read);
        sockets.CloseAll("the log has lost entries: reconnect, drop what is beyond its end, and sync");
        return head;
    }
}
