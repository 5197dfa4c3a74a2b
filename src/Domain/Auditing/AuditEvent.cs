namespace ChatCqrs.Domain.Auditing;

/// <summary>A fact about those who look into conversations, and about what is kept for them.</summary>
public abstract record AuditEvent
{
    private AuditEvent()
    {
    }

    /// <summary>Time of the decision, UTC, to the millisecond.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>An auditor is about to be shown something: before the answer's first byte.</summary>
    /// <param name="Call">The name of the call, such as <c>state</c>.</param>
    /// <param name="Conversation">What is looked at; null for several conversations or none.</param>
    /// <param name="Matter">The matter that the call named; null for none.</param>
    /// <param name="Scope">What the call asked for, as its query says; null for nothing.</param>
    /// <param name="Content">Whether content is opened.</param>
    /// <param name="WithoutApproval">Whether matters need no approval on this server at that time.</param>
    public sealed record AuditAccessed(
        UserId Auditor, DeviceId Device, string Call, ConversationId? Conversation, MatterId? Matter, string? Scope,
        bool Content, bool WithoutApproval) : AuditEvent;

    /// <summary>What an auditor was shown, also if the answer was cut off.</summary>
    /// <param name="Access">The event id of the <see cref="AuditAccessed"/>.</param>
    /// <param name="Entries">How many things were answered, as the call counts them.</param>
    /// <param name="Sha256">SHA-256 of the bytes that were written, 32 bytes.</param>
    public sealed record AuditDelivered(Guid Access, long Entries, ReadOnlyMemory<byte> Sha256) : AuditEvent;

    /// <summary>Always the first event of a matter.</summary>
    /// <param name="Content">Whether content is asked for, and not only what is around it.</param>
    /// <param name="Until">When the matter ends, UTC.</param>
    public sealed record MatterRequested(
        MatterId Matter, UserId By, string Title, string Reason, AuditScope Scope, bool Content, DateTimeOffset Until)
        : AuditEvent;

    /// <param name="By">Who approved; null where matters need no approval.</param>
    public sealed record MatterApproved(MatterId Matter, UserId? By) : AuditEvent;

    public sealed record MatterRefused(MatterId Matter, UserId By) : AuditEvent;

    /// <summary>The matter's time is over. Its end counts from <c>Until</c> on, not from this event on.</summary>
    public sealed record MatterEnded(MatterId Matter) : AuditEvent;

    /// <summary>Always the first event of a hold, which holds from then on.</summary>
    /// <param name="Matter">The matter that it belongs to; null for none.</param>
    /// <param name="ReviewAt">When somebody should ask whether it is still needed, UTC.</param>
    public sealed record HoldPlaced(
        HoldId Hold, UserId By, MatterId? Matter, AuditScope Scope, string Reason, DateTimeOffset ReviewAt)
        : AuditEvent;

    /// <param name="By">Who approved; null where holds need no approval.</param>
    public sealed record HoldApproved(HoldId Hold, UserId? By) : AuditEvent;

    /// <summary>Ends the hold.</summary>
    public sealed record HoldRefused(HoldId Hold, UserId By) : AuditEvent;

    /// <summary>Ends the hold.</summary>
    public sealed record HoldReleased(HoldId Hold, UserId By) : AuditEvent;

    /// <summary>Who had which role when a node started.</summary>
    /// <param name="Admins">
    /// Ids of users as they are configured, and keyed hashes of phones, which tell equal ones and nothing else.
    /// </param>
    /// <param name="WithoutApproval">Whether matters and holds need no approval.</param>
    public sealed record AccessRolesSet(
        IReadOnlyList<string> Admins, IReadOnlyList<string> Auditors, IReadOnlyList<string> Compliance,
        bool WithoutApproval) : AuditEvent;

    /// <summary>Heads of batches were made again from the log, and compared with those published.</summary>
    /// <param name="Differing">The batches that differ, at most 100 of them; empty if all are equal.</param>
    public sealed record LogVerified(long FirstBatch, long LastBatch, IReadOnlyList<long> Differing) : AuditEvent;

    /// <summary>
    /// An administrator has the signed logs recovered, after a restore; always before anything of that is done.
    /// </summary>
    /// <param name="How"><c>restored</c> from a mirror, or <c>continued</c> by new logs.</param>
    /// <param name="Heads">The entries that the log of heads had.</param>
    /// <param name="HeadsPublished">The entries of it that are known to have been published.</param>
    /// <param name="Keys">The entries that the log of keys had.</param>
    /// <param name="KeysPublished">The entries of it that are known to have been published.</param>
    public sealed record LogRecovered(
        UserId By, string How, long Heads, long HeadsPublished, long Keys, long KeysPublished) : AuditEvent;

    /// <summary>A user was erased, but for content that holds keep.</summary>
    public sealed record ErasureLimited(UserId User, IReadOnlyList<HoldId> Holds) : AuditEvent;

    /// <summary>The start of a stream was removed from the log.</summary>
    /// <param name="Stream">The truncated stream.</param>
    /// <param name="Before">The first revision that is left.</param>
    /// <param name="Hash">The hash of the event before it, 32 bytes.</param>
    /// <param name="Reason"><c>expired</c> or <c>erased</c>.</param>
    public sealed record StreamTruncated(string Stream, long Before, ReadOnlyMemory<byte> Hash, string Reason)
        : AuditEvent;
}
