using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Uploads a file in one request. Its bytes are stored before they are identified, so that the cost does not reveal
/// whether somebody has uploaded the same.
/// </summary>
public static class UploadMedia
{
    /// <param name="FileType">The kind of file that the caller states; see <see cref="FileTypes"/>.</param>
    /// <param name="Staged">The bytes stored by <see cref="Staging"/>; null if the request had no file.</param>
    public sealed record Command(UserId Caller, string? FileType, string? Name, StagedFile? Staged) : IRequest<Result>;

    /// <param name="Duplicate">Whether the caller had uploaded the same bytes before.</param>
    public sealed record Result(
        FileId File, ReadOnlyMemory<byte> Sha256, long Size, string ContentType, bool Duplicate);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.FileType).Must(FileTypes.Exists).WithMessage($"must be one of {FileTypes.Names}.")
                .OverridePropertyName("file_type");
            RuleFor(c => c.Staged).NotNull().WithMessage("must be a file.").OverridePropertyName("file");
        }
    }

    internal sealed class Handler(IMedia media, FileNames names, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var staged = request.Staged!;
            var type = FileTypes.Reconcile(request.FileType!, staged.Type)
                ?? throw new RefusedException(Refusal.FileTypeMismatch);
            var now = clock.GetUtcNow();
            var id = new FileId(Guid.CreateVersion7(now));
            var name = await names.SealAsync(request.Caller, id, request.Name, cancellationToken);
            var file = new NewFile(
                id, request.Caller, staged.Sha256, staged.Size, request.FileType!, type, name, now, staged.Segments);
            var kept = await media.KeepAsync(file, cancellationToken)
                ?? throw new RefusedException(Refusal.UploadExpired);
            return new Result(kept.Id, staged.Sha256, staged.Size, kept.ContentType, kept.Duplicate);
        }
    }
}

/// <summary>Stored bytes that no file refers to yet; they are collected unless a file is made of them.</summary>
/// <param name="Type">The type detected from the bytes.</param>
public sealed record StagedFile(IReadOnlyList<Segment> Segments, ReadOnlyMemory<byte> Sha256, long Size, string Type);

/// <summary>Stores and hashes an incoming file.</summary>
public sealed class Staging(IMedia media, IBlobs blobs, IOptions<MediaOptions> options, TimeProvider clock)
{
    /// <summary>Stores a stream to its end.</summary>
    /// <exception cref="RefusedException">The file is too large.</exception>
    public async Task<StagedFile> StageAsync(Stream content, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Value.UploadExpiry);
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var upload = new UploadStream(content, sha256);
        upload.Allow(options.Value.SizeMax + 1);

        var key = await ReserveAsync(cancellationToken);
        var size = await blobs.PutAsync(key, upload, limit.Token);
        if (size > options.Value.SizeMax)
            throw new RefusedException(Refusal.FileTooLarge);
        return new StagedFile(
            [new Segment(0, size, key)], sha256.GetHashAndReset(), size, ContentTypes.Of(upload.Head.Span));
    }

    /// <summary>Reserves a key for bytes that are about to be stored.</summary>
    internal async Task<BlobKey> ReserveAsync(CancellationToken cancellationToken)
    {
        var key = BlobKey.New();
        await media.ReserveAsync(key, clock.GetUtcNow() + options.Value.UploadExpiry, cancellationToken);
        return key;
    }
}
