using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The catalogue of uploads: whose they are, which bytes they stand for, and to which conversations they were sent. Bytes are kept once a content,
/// whoever has uploaded them and however often; whether somebody else has is told to nobody.
/// </summary>
public interface IMedia
{
    /// <summary>
    /// Notes a key before bytes are stored under it, so that they are cleared away if nothing ever refers to them.
    /// </summary>
    /// <param name="until">From when on they are, unless they were kept.</param>
    Task ReserveAsync(BlobKey key, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Keeps bytes as a file of a user's. The same bytes under the same type are the same file as before.</summary>
    /// <returns>The file, and whether the user had uploaded these bytes before; null when a key is not reserved any more.</returns>
    Task<KeptFile?> KeepAsync(NewFile file, CancellationToken cancellationToken);

    /// <summary>A file by its id; null when there is none.</summary>
    Task<MediaFile?> FindAsync(FileId file, CancellationToken cancellationToken);

    /// <summary>Files of a user's, in the order of their ids.</summary>
    /// <param name="after">The last file of the page before; null for the first page.</param>
    Task<IReadOnlyList<MediaFile>> OwnedAsync(UserId owner, FileId? after, int limit, CancellationToken cancellationToken);

    /// <summary>The conversations of a user's that a file was sent to, each with the last entry that refers to it; at most a few.</summary>
    Task<IReadOnlyList<FileReference>> ReferencesAsync(FileId file, UserId user, CancellationToken cancellationToken);

    /// <summary>Notes that files are in use, so that they are not collected before the message that refers to them is seen here.</summary>
    /// <returns>Those that exist.</returns>
    Task<IReadOnlyList<MediaFile>> TouchAsync(IReadOnlyCollection<FileId> files, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Forgets files that no message refers to and that were not used for a while, and the bytes that then stand for no file.</summary>
    /// <returns>How many files; less than <paramref name="limit"/> when there are no more.</returns>
    Task<int> ForgetUnreferencedAsync(DateTimeOffset unusedSince, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Forgets files of a user's, whoever they were sent to, and the bytes that then stand for no file: those that somebody else has uploaded too stay theirs.
    /// </summary>
    /// <returns>How many files; less than <paramref name="limit"/> when there are no more.</returns>
    Task<int> ForgetOwnedAsync(UserId owner, int limit, CancellationToken cancellationToken);

    /// <summary>Keys whose bytes nothing refers to, oldest first.</summary>
    Task<IReadOnlyList<BlobKey>> GarbageAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>The bytes under these keys are gone.</summary>
    Task ClearedAsync(IReadOnlyCollection<BlobKey> keys, CancellationToken cancellationToken);
}

/// <summary>Uploads that can be interrupted: what has arrived of each.</summary>
public interface IUploads
{
    /// <returns>False when the user has too many unfinished ones.</returns>
    Task<bool> AddAsync(Upload upload, int unfinishedMax, CancellationToken cancellationToken);

    /// <summary>An upload by its id; null when there is none.</summary>
    Task<Upload?> FindAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>A user's uploads that are not finished, the oldest first; there are only so many.</summary>
    Task<IReadOnlyList<Upload>> UnfinishedAsync(UserId owner, CancellationToken cancellationToken);

    /// <summary>What has arrived, in order.</summary>
    Task<IReadOnlyList<Segment>> PartsAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>Adds what has just been stored.</summary>
    /// <param name="offset">Up to where the upload must have arrived for that.</param>
    /// <returns>False when it has arrived elsewhere, is finished or is gone: somebody else was faster. Nothing has changed then.</returns>
    Task<bool> AppendAsync(Guid upload, long offset, IReadOnlyList<Segment> parts, CancellationToken cancellationToken);

    /// <summary>Keeps an upload that has arrived as a file; see <see cref="IMedia.KeepAsync"/>. Doing so again gives the same file.</summary>
    /// <returns>Null when the upload is gone.</returns>
    Task<KeptFile?> FinishAsync(Guid upload, NewFile file, CancellationToken cancellationToken);

    /// <summary>Drops an upload and what has arrived of it. A file that was made of it stays.</summary>
    Task RemoveAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>Drops uploads that have expired.</summary>
    /// <returns>How many; less than <paramref name="limit"/> when there are no more.</returns>
    Task<int> ExpireAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>Drops all uploads of a user's, and what has arrived of them. Files that were made of them stay.</summary>
    Task ForgetOwnedAsync(UserId owner, CancellationToken cancellationToken);
}

/// <summary>Bytes that stand next to one another under one key.</summary>
/// <param name="Offset">Where they begin in the whole.</param>
public sealed record Segment(long Offset, long Size, BlobKey Key);

/// <param name="Id">Its id, unless the user has uploaded the same before.</param>
/// <param name="Sha256">Over all bytes.</param>
/// <param name="FileType">What the uploader takes it for.</param>
/// <param name="ContentType">What its bytes say.</param>
/// <param name="Name">The file's name, sealed; null for none.</param>
public sealed record NewFile(
    FileId Id, UserId Owner, ReadOnlyMemory<byte> Sha256, long Size, string FileType, string ContentType, SealedContent? Name, DateTimeOffset At,
    IReadOnlyList<Segment> Segments);

public sealed record KeptFile(FileId Id, string ContentType, bool Duplicate);

/// <inheritdoc cref="NewFile"/>
public sealed record MediaFile(
    FileId Id, UserId Owner, ReadOnlyMemory<byte> Sha256, long Size, string FileType, string ContentType, SealedContent? Name, DateTimeOffset At,
    IReadOnlyList<Segment> Segments);

/// <param name="Seq">The last entry of the conversation that refers to the file.</param>
public sealed record FileReference(ConversationId Conversation, long Seq);

/// <summary>An upload that may be interrupted.</summary>
/// <param name="Length">How many bytes it will have.</param>
/// <param name="Received">How many are stored durably.</param>
/// <param name="Name">The file's name, sealed; null for none.</param>
/// <param name="File">The file that was made of it; null until it has arrived.</param>
public sealed record Upload(
    Guid Id, UserId Owner, long Length, long Received, string FileType, SealedContent? Name, DateTimeOffset ExpiresAt, FileId? File);
