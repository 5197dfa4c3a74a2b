using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// The catalogue of uploads: their owners, their bytes, and the conversations they were sent to. Equal bytes are stored
/// once, whoever uploaded them. Nobody learns whether another user uploaded the same.
/// </summary>
public interface IMedia
{
    /// <summary>Records a key before bytes are stored under it, so that unreferenced bytes are collected.</summary>
    /// <param name="until">When the bytes may be collected if not kept, UTC.</param>
    Task ReserveAsync(BlobKey key, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Keeps bytes as a user's file. The same bytes with the same type are the same file.</summary>
    /// <returns>
    /// The file, and whether the user had uploaded these bytes before; null if a key is no longer reserved.
    /// </returns>
    Task<KeptFile?> KeepAsync(NewFile file, CancellationToken cancellationToken);

    /// <summary>A file by its id; null if there is none.</summary>
    Task<MediaFile?> FindAsync(FileId file, CancellationToken cancellationToken);

    /// <summary>A user's files, ordered by id.</summary>
    /// <param name="after">The last file of the previous page; null for the first page.</param>
    Task<IReadOnlyList<MediaFile>> OwnedAsync(
        UserId owner, FileId? after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The user's conversations to which a file was sent, each with the last entry that refers to it; at most a few.
    /// </summary>
    Task<IReadOnlyList<FileReference>> ReferencesAsync(FileId file, UserId user, CancellationToken cancellationToken);

    /// <summary>
    /// Marks files as used, so that they are not collected before the read models see the message that refers to them.
    /// </summary>
    /// <returns>The files that exist.</returns>
    Task<IReadOnlyList<MediaFile>> TouchAsync(
        IReadOnlyCollection<FileId> files, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Removes files that no message refers to and that were unused since a time, and bytes that no file refers to any
    /// more.
    /// </summary>
    /// <returns>The number of files removed; less than <paramref name="limit"/> if none are left.</returns>
    Task<int> ForgetUnreferencedAsync(DateTimeOffset unusedSince, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a user's files, even sent ones, and bytes that no file refers to any more. Other users' files of the
    /// same bytes stay.
    /// </summary>
    /// <returns>The number of files removed; less than <paramref name="limit"/> if none are left.</returns>
    Task<int> ForgetOwnedAsync(UserId owner, int limit, CancellationToken cancellationToken);

    /// <summary>Keys of unreferenced bytes, oldest first.</summary>
    Task<IReadOnlyList<BlobKey>> GarbageAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>Removes the keys of bytes that were deleted.</summary>
    Task ClearedAsync(IReadOnlyCollection<BlobKey> keys, CancellationToken cancellationToken);

    /// <summary>Keeps garbage that could not be deleted until a later time, UTC.</summary>
    Task PostponeAsync(
        IReadOnlyCollection<BlobKey> keys, DateTimeOffset due, CancellationToken cancellationToken);
}

/// <summary>Resumable uploads and the parts received so far.</summary>
public interface IUploads
{
    /// <returns>False if the user has <paramref name="unfinishedMax"/> unfinished uploads already.</returns>
    Task<bool> AddAsync(Upload upload, int unfinishedMax, CancellationToken cancellationToken);

    /// <summary>An upload by its id; null if there is none.</summary>
    Task<Upload?> FindAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>A user's unfinished uploads, oldest first; their number is bounded.</summary>
    Task<IReadOnlyList<Upload>> UnfinishedAsync(UserId owner, CancellationToken cancellationToken);

    /// <summary>The parts received, in order.</summary>
    Task<IReadOnlyList<Segment>> PartsAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>Appends parts that were just stored.</summary>
    /// <param name="offset">The length received so far that is expected, in bytes.</param>
    /// <returns>
    /// False if another request was faster: the length differs, or the upload is finished or gone. Nothing changes
    /// then.
    /// </returns>
    Task<bool> AppendAsync(Guid upload, long offset, IReadOnlyList<Segment> parts, CancellationToken cancellationToken);

    /// <summary>
    /// Keeps a complete upload as a file; see <see cref="IMedia.KeepAsync"/>. Repeating it returns the same file.
    /// </summary>
    /// <returns>Null if the upload is gone.</returns>
    Task<KeptFile?> FinishAsync(Guid upload, NewFile file, CancellationToken cancellationToken);

    /// <summary>Removes an upload and its parts. A file made of it stays.</summary>
    Task RemoveAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>Removes expired uploads.</summary>
    /// <returns>The number removed; less than <paramref name="limit"/> if none are left.</returns>
    Task<int> ExpireAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>Removes all of a user's uploads and their parts. Files made of them stay.</summary>
    Task ForgetOwnedAsync(UserId owner, CancellationToken cancellationToken);
}

/// <summary>Contiguous bytes under one key.</summary>
/// <param name="Offset">The first byte's offset in the whole file.</param>
/// <param name="Size">The number of bytes.</param>
public sealed record Segment(long Offset, long Size, BlobKey Key);

/// <param name="Id">The id to use unless the user uploaded the same bytes before.</param>
/// <param name="Sha256">SHA-256 over all bytes.</param>
/// <param name="FileType">The kind of file as the uploader states it.</param>
/// <param name="ContentType">The media type detected from the bytes.</param>
/// <param name="Name">The file's name, sealed; null for none.</param>
/// <summary>A file to keep.</summary>
public sealed record NewFile(
    FileId Id, UserId Owner, ReadOnlyMemory<byte> Sha256, long Size, string FileType, string ContentType,
    SealedContent? Name, DateTimeOffset At, IReadOnlyList<Segment> Segments);

/// <summary>A file that was kept.</summary>
/// <param name="Duplicate">Whether the user had uploaded the same bytes before.</param>
public sealed record KeptFile(FileId Id, string ContentType, bool Duplicate);

/// <inheritdoc cref="NewFile"/>
public sealed record MediaFile(
    FileId Id, UserId Owner, ReadOnlyMemory<byte> Sha256, long Size, string FileType, string ContentType,
    SealedContent? Name, DateTimeOffset At, IReadOnlyList<Segment> Segments);

/// <param name="Seq">The last entry that refers to the file, a seq.</param>
/// <summary>The use of a file in a conversation.</summary>
public sealed record FileReference(ConversationId Conversation, long Seq);

/// <summary>A resumable upload.</summary>
/// <param name="Length">The announced length in bytes.</param>
/// <param name="Received">The bytes stored durably so far.</param>
/// <param name="Name">The file's name, sealed; null for none.</param>
/// <param name="File">The file made of it; null until complete.</param>
public sealed record Upload(
    Guid Id, UserId Owner, long Length, long Received, string FileType, SealedContent? Name, DateTimeOffset ExpiresAt,
    FileId? File);
