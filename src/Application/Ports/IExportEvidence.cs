using System.Text.Json.Nodes;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// What proves that an export's events are those of the log of heads. Members throw
/// <see cref="StoreUnavailableException"/> if the database cannot be reached.
/// </summary>
public interface IExportEvidence
{
    /// <summary>The newest published checkpoint of the log of heads; null before the first one.</summary>
    Task<EvidenceCheckpoint?> NewestAsync(CancellationToken cancellationToken);

    /// <summary>The head that covers an event, with its proofs.</summary>
    /// <param name="at">The event's position.</param>
    /// <param name="checkpoint">To which the proofs lead.</param>
    /// <returns>Null if the checkpoint does not cover the event.</returns>
    Task<EvidenceBatch?> HeadAsync(
        string stream, LogPosition at, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken);

    /// <summary>The newest head of a stream that a checkpoint covers; null for none.</summary>
    Task<EvidenceHead?> NewestHeadAsync(
        string stream, EvidenceCheckpoint checkpoint, CancellationToken cancellationToken);

    /// <summary>
    /// What leads from some consecutive events of a head to its root: hashes of the events before and after them, and
    /// of nothing that they say.
    /// </summary>
    /// <param name="from">The first of the events, within the head.</param>
    /// <param name="to">The last one, within the head.</param>
    /// <returns>Hashes in base64; null if the log no longer has all events of the head, or cannot read them.</returns>
    Task<IReadOnlyList<string>?> SegmentAsync(
        string stream, EvidenceHead head, long from, long to, CancellationToken cancellationToken);

    /// <summary>Signs an export's list of files.</summary>
    /// <returns>The log's public key, and the list as a signed note under the name of its exports.</returns>
    Task<(string Key, string Note)> SignAsync(string list, CancellationToken cancellationToken);
}

/// <summary>A published checkpoint of the log of heads.</summary>
/// <param name="Size">The entries of the log of heads.</param>
/// <param name="Note">The checkpoint, a signed note.</param>
public sealed record EvidenceCheckpoint(long Size, string Note);

/// <summary>The batch that has an event.</summary>
/// <param name="Through">Events of the stream up to this position are in this batch, or in one before.</param>
/// <param name="Head">The stream's head in it; null once the batch is not kept any more.</param>
public sealed record EvidenceBatch(LogPosition Through, EvidenceHead? Head);

/// <summary>A head with its proofs.</summary>
/// <param name="First">The first revision that it covers.</param>
/// <param name="Last">The last one.</param>
/// <param name="Line">A line of <c>heads.ndjson</c>.</param>
/// <param name="Proof">The same as a <c>tlog-proof</c>.</param>
public sealed record EvidenceHead(long First, long Last, JsonObject Line, string Proof);
