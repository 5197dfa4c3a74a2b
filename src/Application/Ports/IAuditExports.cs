using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The exports that auditors asked for, for all nodes: what is asked, how far it is, and where its files are. Members
/// throw <see cref="StoreUnavailableException"/> if the database cannot be reached.
/// </summary>
public interface IAuditExports
{
    /// <summary>Records an export, unless the auditor has as many unfinished ones as they may have.</summary>
    /// <returns>False if nothing was recorded.</returns>
    Task<bool> AddAsync(AuditExport export, int unfinishedMax, CancellationToken cancellationToken);

    /// <returns>Null for an unknown export, and for one that was deleted.</returns>
    Task<AuditExport?> FindAsync(Guid id, CancellationToken cancellationToken);

    /// <summary>Notes that a run begins.</summary>
    /// <returns>Which run it is, from 1; null if the export is not to be made any more.</returns>
    Task<int?> BeginAsync(Guid id, CancellationToken cancellationToken);

    /// <summary>Notes progress: events that are written, of how many.</summary>
    Task ProgressAsync(Guid id, long done, long total, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Notes the keys of files before they are stored, so that none is ever lost.</summary>
    Task ReserveAsync(Guid id, IReadOnlyList<ExportFile> files, CancellationToken cancellationToken);

    /// <summary>Notes that all files of a conversation are stored.</summary>
    Task KeepAsync(Guid id, IReadOnlyList<ExportFile> files, CancellationToken cancellationToken);

    /// <summary>The files of an export, in the order of their names.</summary>
    Task<IReadOnlyList<ExportFile>> FilesAsync(Guid id, CancellationToken cancellationToken);

    /// <summary>Forgets files whose bytes are deleted.</summary>
    Task ForgetAsync(Guid id, IReadOnlyList<ExportFile> files, CancellationToken cancellationToken);

    /// <summary>Ends an export.</summary>
    /// <param name="size">The archive's size in bytes; null for one that failed.</param>
    Task EndAsync(
        Guid id, ExportStatus status, long? size, DateTimeOffset expiresAt, CancellationToken cancellationToken);

    /// <summary>Unfinished exports that made no progress since a time: their job is lost.</summary>
    Task<IReadOnlyList<Guid>> StalledAsync(DateTimeOffset since, int limit, CancellationToken cancellationToken);

    /// <summary>Ended exports whose time is over.</summary>
    Task<IReadOnlyList<Guid>> ExpiredAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>Deletes an export without files.</summary>
    Task DeleteAsync(Guid id, CancellationToken cancellationToken);
}

/// <summary>Hands exports to a worker, on any node; each is made at least once.</summary>
public interface IExportQueue
{
    /// <exception cref="StoreUnavailableException">The database cannot be reached.</exception>
    Task AddAsync(Guid export);
}

/// <summary>An export.</summary>
/// <param name="From">The first moment, inclusive, UTC; null for no bound.</param>
/// <param name="To">The last moment, inclusive, UTC; null for no bound.</param>
/// <param name="Done">Events that are written.</param>
/// <param name="Total">Events that there are to write.</param>
/// <param name="Size">The archive's size in bytes, once it is done.</param>
public sealed record AuditExport(
    Guid Id, UserId Auditor, DeviceId Device, MatterId? Matter, IReadOnlyList<ConversationId> Conversations,
    DateTimeOffset? From, DateTimeOffset? To, ExportStatus Status, long Done, long Total, long? Size,
    DateTimeOffset RequestedAt);

/// <summary>A file of an export.</summary>
/// <param name="Name">Its path in the archive; empty for the archive itself.</param>
/// <param name="Events">The events of its conversation that the export has.</param>
/// <param name="IsKept">Whether it is stored, with all others of its conversation.</param>
public sealed record ExportFile(
    string Name, BlobKey Key, long Size, ReadOnlyMemory<byte> Sha256, long Events, bool IsKept);

/// <summary>What became of an export.</summary>
public enum ExportStatus
{
    Queued,
    Running,
    Done,
    Failed,
}
