using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Ports;

/// <summary>The state of a stream at one of its events, kept by a projection so that a writer need not read the whole stream.</summary>
/// <param name="Revision">The last event that the state holds.</param>
/// <param name="Hash">That event's hash.</param>
/// <param name="Position">That event's position in the log. The read models hold everything up to there.</param>
public sealed record Snapshot<TState>(TState State, long Revision, ReadOnlyMemory<byte> Hash, LogPosition Position);

/// <summary>The newest snapshots; null when there is none yet.</summary>
public interface ISnapshots
{
    /// <summary>
    /// The conversation as it stood. <c>Recent</c> is empty, its <c>Since</c> is just after the snapshot's last event and its <c>Horizons</c> kept:
    /// earlier messages are found with <see cref="ISentMessages"/>.
    /// </summary>
    Task<Snapshot<Conversation>?> ConversationAsync(ConversationId id, CancellationToken cancellationToken);

    Task<Snapshot<Watermarks>?> ReceiptsAsync(ConversationId id, CancellationToken cancellationToken);
}
