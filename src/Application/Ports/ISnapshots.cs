using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// A stream's state at one of its events, kept by a projection so that writers need not read the whole stream.
/// </summary>
/// <param name="Revision">The last event included.</param>
/// <param name="Hash">That event's hash.</param>
/// <param name="Position">That event's position. The read models have applied everything up to it.</param>
public sealed record Snapshot<TState>(TState State, long Revision, ReadOnlyMemory<byte> Hash, LogPosition Position);

/// <summary>The latest snapshots; null if there is none.</summary>
public interface ISnapshots
{
    /// <summary>
    /// A conversation's snapshot. <c>Recent</c> is empty, with <c>Since</c> just after the snapshot's last event and
    /// <c>Horizons</c> and <c>Ahead</c> kept; find earlier messages with <see cref="ISentMessages"/>.
    /// </summary>
    Task<Snapshot<Conversation>?> ConversationAsync(ConversationId id, CancellationToken cancellationToken);

    Task<Snapshot<Watermarks>?> ReceiptsAsync(ConversationId id, CancellationToken cancellationToken);
}
