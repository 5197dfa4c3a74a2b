using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>What the log of heads says about a conversation's entries.</summary>
public interface IRecordedBy
{
    /// <summary>The first batch that covers an entry; null while there is none.</summary>
    Task<RecordedBatch?> OfAsync(ConversationId conversation, long seq, CancellationToken cancellationToken);

    /// <summary>The newest published head of a conversation; null while there is none.</summary>
    Task<AnchoredHead?> NewestAsync(ConversationId conversation, CancellationToken cancellationToken);
}

/// <summary>A batch of heads.</summary>
/// <param name="Batch">Its number.</param>
/// <param name="Time">When it was made, UTC.</param>
public sealed record RecordedBatch(long Batch, DateTimeOffset Time);

/// <summary>A head of a conversation's stream that a published checkpoint covers.</summary>
/// <param name="Seq">The last entry that it covers.</param>
/// <param name="Hash">The hash of that entry.</param>
/// <param name="Batch">The number of its batch.</param>
/// <param name="CheckpointSize">The size of the checkpoint.</param>
public sealed record AnchoredHead(long Seq, ReadOnlyMemory<byte> Hash, long Batch, long CheckpointSize);
