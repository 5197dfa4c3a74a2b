namespace ChatCqrs.Application.Ports;

/// <summary>Whether the signed logs are published, as this node knows it.</summary>
public interface IAuditPublishing
{
    /// <summary>Why nothing is published; null while all is well.</summary>
    PublishingProblem? Problem { get; }
}

/// <summary>Why the signed logs are not published. Messages are not concerned.</summary>
public enum PublishingProblem
{
    /// <summary>
    /// More was published than the database has: it was restored, or has lost commits. An administrator has to recover
    /// the logs (<c>POST /v1/admin/audit/recovery</c>).
    /// </summary>
    Behind,

    /// <summary>
    /// The key or the name is not the log's, or somebody else has other entries. An operator has to decide.
    /// </summary>
    Halted,

    /// <summary>The mirror cannot be read or written. Publishing goes on by itself once it can.</summary>
    MirrorAway,
}
