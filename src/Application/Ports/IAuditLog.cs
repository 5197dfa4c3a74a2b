using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The logs that others can verify: of the heads of the event log's streams, and of devices' keys. Only what a
/// published checkpoint covers is shown. Members throw <see cref="StoreUnavailableException"/> if the database cannot
/// be reached.
/// </summary>
public interface IAuditLog
{
    /// <summary>Published checkpoints, the largest first.</summary>
    /// <param name="log">Which log.</param>
    /// <param name="below">Only those of smaller sizes; null for all.</param>
    /// <param name="limit">The most checkpoints.</param>
    Task<PublishedCheckpoints> CheckpointsAsync(
        VerifiableLog log, long? below, int limit, CancellationToken cancellationToken);

    /// <summary>The newest published checkpoint, a signed note; null before the first one.</summary>
    Task<string?> CheckpointAsync(VerifiableLog log, CancellationToken cancellationToken);

    /// <summary>A tile of hashes or a bundle of entries (c2sp.org/tlog-tiles@v0.1.0).</summary>
    /// <param name="log">Which log.</param>
    /// <param name="path">The path below <c>tile/</c>.</param>
    /// <returns>Null for what is no path of a tile, and for a tile that the published log does not have.</returns>
    Task<ReadOnlyMemory<byte>?> TileAsync(VerifiableLog log, string path, CancellationToken cancellationToken);

    /// <summary>A tile of the hashes of a batch's own tree.</summary>
    /// <returns>Null where there is no such tile, or the batch is unknown, not published or not kept.</returns>
    Task<ReadOnlyMemory<byte>?> BatchTileAsync(long number, string path, CancellationToken cancellationToken);

    /// <summary>The head records of a batch, in its tree's order.</summary>
    /// <returns>Null where the batch is unknown, not published or not kept.</returns>
    Task<IAsyncEnumerable<string>?> HeadsAsync(long number, CancellationToken cancellationToken);

    /// <summary>That a conversation's newest logged head is in the log (c2sp.org/tlog-proof@v1).</summary>
    /// <returns>Null before its first batch is published.</returns>
    Task<string?> ProofAsync(ConversationId conversation, CancellationToken cancellationToken);
}

/// <summary>How far the published log of heads covers the event log.</summary>
public interface IPublishedHeads
{
    /// <summary>
    /// The position up to which a published checkpoint covers every stream; <see cref="LogPosition.Start"/> before the
    /// first one. No event after it may be truncated.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The database cannot be reached.</exception>
    Task<LogPosition> CoveredAsync(CancellationToken cancellationToken);
}

/// <summary>The stored heads of streams, which say which stream changed in which batch.</summary>
public interface IHeadOpenings
{
    /// <summary>
    /// Makes a stream's leaves meaningless, for erasures: destroys the secret of its salts, and blanks its heads in
    /// all batches. Their leaves stay, so the batches can be verified as before, and so can proofs that people hold.
    /// Can be repeated. A batch that is being made at the same time may take an old head of the stream up unblanked:
    /// repeat it once that batch has ended.
    /// </summary>
    /// <param name="stream">The stream's name.</param>
    /// <param name="events">
    /// The positions of its events, all of which <see cref="IPublishedHeads"/> covers. Heads are found by them.
    /// </param>
    /// <exception cref="StoreUnavailableException">The database cannot be reached.</exception>
    Task BlankAsync(string stream, IReadOnlyCollection<LogPosition> events, CancellationToken cancellationToken);
}

/// <summary>The logs that others can verify.</summary>
public enum VerifiableLog
{
    /// <summary>Of batches of the heads of streams.</summary>
    Heads,

    /// <summary>Of lists of devices' keys.</summary>
    Keys,
}

/// <param name="Vkey">Who signs now (c2sp.org/signed-note@v1.0.0); null before the first checkpoint.</param>
/// <summary>Published checkpoints.</summary>
public sealed record PublishedCheckpoints(string? Vkey, IReadOnlyList<PublishedCheckpoint> Checkpoints);

/// <summary>A published checkpoint.</summary>
/// <param name="Size">The number of entries.</param>
/// <param name="Root">The root over them, base64.</param>
/// <param name="Time">When the last of them was made.</param>
/// <param name="Note">The checkpoint, a signed note.</param>
public sealed record PublishedCheckpoint(long Size, string Root, DateTimeOffset Time, string Note);
