namespace ChatCqrs.Application.Ports;

/// <summary>
/// Compares batches of the log of heads with the event log, and keeps how far that has come. Members throw
/// <see cref="StoreUnavailableException"/> if the database or the event log cannot be reached.
/// </summary>
public interface ILogVerification
{
    /// <summary>The run that is under way, or the last one; null before the first one.</summary>
    Task<VerificationRun?> LastAsync(CancellationToken cancellationToken);

    /// <summary>Saves how far a run has come. One node at a time does so.</summary>
    Task SaveAsync(VerificationRun run, CancellationToken cancellationToken);

    /// <summary>The number of the newest published batch whose heads are kept; null for none.</summary>
    Task<long?> NewestAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Makes the heads of published batches again from the bytes of the event log's events, and compares them with what
    /// was stored and published. Batches whose heads are not kept are passed over. Events that were truncated, and
    /// salts that were shredded, are no difference. Holds one batch in memory.
    /// </summary>
    /// <param name="after">Only batches of larger numbers.</param>
    /// <param name="through">The last batch.</param>
    IAsyncEnumerable<VerifiedBatch> VerifyAsync(long after, long through, CancellationToken cancellationToken);
}

/// <summary>A verified batch.</summary>
/// <param name="Number">The batch.</param>
/// <param name="Difference">What differs first, for the server's log; null if nothing does.</param>
public sealed record VerifiedBatch(long Number, string? Difference);

/// <summary>A night's run over batches.</summary>
/// <param name="StartedAt">When it began, UTC.</param>
/// <param name="First">The first batch that was verified; 0 before it.</param>
/// <param name="Checked">The last batch that was verified, in this run or before it.</param>
/// <param name="Through">The last batch that the run is to verify.</param>
/// <param name="Differing">The batches that differ.</param>
/// <param name="IsFinished">Whether its result is recorded.</param>
public sealed record VerificationRun(
    DateTimeOffset StartedAt, long First, long Checked, long Through, IReadOnlyList<long> Differing, bool IsFinished);
