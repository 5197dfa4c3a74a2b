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

    /// <summary>
    /// Records a key as above, and takes bytes and a file from the user's quota until they are kept, discarded or
    /// <paramref name="until"/>. Concurrent reservations of a user follow one another, so they cannot pass the quota.
    /// </summary>
    /// <param name="least">The fewest bytes that are of use.</param>
    /// <param name="most">The most bytes to reserve, if so many are left.</param>
    /// <returns>The bytes reserved; null if fewer than <paramref name="least"/>, or no file, are left.</returns>
    Task<long?> ReserveAsync(
        BlobKey key, DateTimeOffset until, long least, long most, MediaQuota quota,
        CancellationToken cancellationToken);

    /// <summary>Makes reserved keys garbage that is due at once. Keys that were kept meanwhile stay kept.</summary>
    Task DiscardAsync(IReadOnlyCollection<BlobKey> keys, CancellationToken cancellationToken);

    /// <summary>Keeps bytes as a user's file. The same bytes with the same type are the same file.</summary>
    /// <returns>
    /// The file, and whether the user had uploaded these bytes before; null if a key is no longer reserved.
    /// </returns>
    Task<KeptFile?> KeepAsync(NewFile file, CancellationToken cancellationToken);

    /// <summary>A file by its id; null if there is none.</summary>
    Task<MediaFile?> FindAsync(FileId file, CancellationToken cancellationToken);

    /// <summary>Files by their ids, in any order; those that do not exist are left out.</summary>
    Task<IReadOnlyList<MediaFile>> FindAsync(IReadOnlyCollection<FileId> files, CancellationToken cancellationToken);

    /// <summary>Whether a message refers to a file, in any conversation, that is neither deleted nor expired.</summary>
    Task<bool> IsSentAsync(FileId file, CancellationToken cancellationToken);

    /// <summary>A user's files, ordered by id.</summary>
    /// <param name="after">The last file of the previous page; null for the first page.</param>
    Task<IReadOnlyList<MediaFile>> OwnedAsync(
        UserId owner, FileId? after, int limit, CancellationToken cancellationToken);

    /// <summary>What the views know of users' files, in one query.</summary>
    /// <param name="files">Each pair once.</param>
    /// <returns>One for each pair whose file exists.</returns>
    Task<IReadOnlyList<FoundFile>> FindForAsync(
        IReadOnlyCollection<(UserId User, FileId File)> files, CancellationToken cancellationToken);

    /// <summary>
    /// Marks files as used, so that they are not collected before the read models see the message that refers to them.
    /// </summary>
    /// <returns>The files that exist.</returns>
    Task<IReadOnlySet<FileId>> TouchAsync(
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
    /// <summary>
    /// Adds an upload and takes its bytes (<see cref="Upload.Length"/>; none while it is unknown) and a file from the
    /// user's quota. Concurrent calls of a user follow one another, so they cannot pass a bound.
    /// </summary>
    /// <param name="unfinishedMax">The most unfinished uploads of a user.</param>
    Task<UploadAdded> AddAsync(
        Upload upload, int unfinishedMax, MediaQuota quota, CancellationToken cancellationToken);

    /// <summary>Takes more bytes of the quota for an upload whose length is unknown.</summary>
    /// <param name="bytes">The bytes that the upload needs in all.</param>
    /// <returns>False if they are not left; nothing changes then.</returns>
    Task<bool> ReserveAsync(Guid upload, long bytes, MediaQuota quota, CancellationToken cancellationToken);

    /// <summary>Sets a length that was unknown, and takes its bytes from the quota.</summary>
    /// <returns>False if they are not left; nothing changes then.</returns>
    Task<bool> SetLengthAsync(Guid upload, long length, MediaQuota quota, CancellationToken cancellationToken);

    /// <summary>
    /// Adds an upload that is complete: it takes the parts of partial uploads, in their order, and these are removed.
    /// </summary>
    /// <returns>False if one of them is no complete partial upload of the same user; nothing changes then.</returns>
    Task<bool> JoinAsync(Upload final, IReadOnlyList<Guid> partials, CancellationToken cancellationToken);

    /// <summary>The user's upload with this <see cref="Upload.Concat"/>; null if there is none.</summary>
    Task<Upload?> FindFinalAsync(UserId owner, string concat, CancellationToken cancellationToken);

    /// <summary>An upload by its id; null if there is none.</summary>
    Task<Upload?> FindAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>A user's unfinished uploads, oldest first; their number is bounded.</summary>
    Task<IReadOnlyList<Upload>> UnfinishedAsync(UserId owner, CancellationToken cancellationToken);

    /// <summary>The parts received, in order.</summary>
    Task<IReadOnlyList<Segment>> PartsAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>The last part received; null if there is none.</summary>
    Task<Segment?> LastPartAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>
    /// Appends parts that were just stored. Parts that begin where the first of them does, or later, are replaced.
    /// </summary>
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
    SealedContent? Name, DateTimeOffset At, IReadOnlyList<Segment> Segments)
{
    /// <summary>Whether it was uploaded as an image, and its bytes are of a kind of image.</summary>
    public bool IsImage => FileType == "image" && ContentType.StartsWith("image/", StringComparison.Ordinal);
}

/// <param name="Seq">The last entry that refers to the file, a seq.</param>
/// <summary>The use of a file in a conversation.</summary>
public sealed record FileReference(ConversationId Conversation, long Seq);

/// <summary>A file, and what makes it a user's to see.</summary>
/// <param name="IsOwn">Whether the user uploaded it.</param>
/// <param name="References">
/// The user's conversations to which it was sent, as the views have them, the latest first and at most a few; none for
/// their own file.
/// </param>
public sealed record FoundFile(UserId User, FileId File, bool IsOwn, IReadOnlyList<FileReference> References)
{
    /// <summary>Whether the views show it to the user.</summary>
    public bool IsShown => IsOwn || References.Count > 0;
}

/// <summary>A resumable upload.</summary>
/// <param name="Length">The announced length in bytes; null while it is unknown.</param>
/// <param name="Received">The bytes stored durably so far.</param>
/// <param name="FileType">The kind of file as the uploader states it; empty for a partial upload.</param>
/// <param name="Name">The file's name, sealed; null for none.</param>
/// <param name="File">The file made of it; null until complete, and for a partial upload.</param>
public sealed record Upload(
    Guid Id, UserId Owner, long? Length, long Received, string FileType, SealedContent? Name, DateTimeOffset ExpiresAt,
    FileId? File)
{
    /// <summary>The value of <see cref="Concat"/> of a partial upload.</summary>
    public const string Partial = "partial";

    /// <summary><c>Upload-Metadata</c> as it came, sealed; null for none.</summary>
    public SealedContent? Metadata { get; init; }

    /// <summary><c>Upload-Concat</c> as it came: "partial", or "final;" and addresses; null for none.</summary>
    public string? Concat { get; init; }

    /// <summary>Whether it is a part of a file that is put together later.</summary>
    public bool IsPartial => Concat == Partial;

    /// <summary>Whether it was put together of partial uploads.</summary>
    public bool IsFinal => Concat is not null && !IsPartial;
}

/// <summary>Whether an upload was added.</summary>
public enum UploadAdded
{
    Added,

    /// <summary>The user has too many unfinished uploads.</summary>
    TooMany,

    /// <summary>The user's quota does not hold it.</summary>
    OverQuota,
}

/// <summary>
/// How much a user may have stored. Reserved bytes count as if they were stored; equal bytes count once for each kind
/// of file.
/// </summary>
/// <param name="Bytes">The most bytes in all.</param>
/// <param name="Files">The most files in all.</param>
/// <param name="UnreferencedBytes">The most bytes of files that no message refers to and that are no avatar.</param>
/// <param name="UnreferencedFiles">The most such files.</param>
/// <param name="UnusedSince">
/// Unreferenced files last used before this time are due for collection, and count to the total only.
/// </param>
/// <param name="Now">UTC.</param>
public sealed record MediaQuota(
    UserId Owner, long Bytes, int Files, long UnreferencedBytes, int UnreferencedFiles, DateTimeOffset UnusedSince,
    DateTimeOffset Now);

