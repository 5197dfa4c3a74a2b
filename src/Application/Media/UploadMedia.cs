using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Takes a file in one request. Its bytes are stored before it is known what they are, so that uploading costs the same whether or not somebody has
/// uploaded them before.
/// </summary>
public static class UploadMedia
{
    /// <param name="FileType">What the caller takes it for: <see cref="FileTypes"/>.</param>
    /// <param name="Staged">What <see cref="Staging"/> has stored; null when the request had no file.</param>
    public sealed record Command(UserId Caller, string? FileType, string? Name, StagedFile? Staged) : IRequest<Result>;

    /// <param name="Duplicate">The caller has uploaded these bytes before.</param>
    public sealed record Result(FileId File, ReadOnlyMemory<byte> Sha256, long Size, string ContentType, bool Duplicate);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.FileType).Must(FileTypes.Exists).WithMessage($"must be one of {FileTypes.Names}.").OverridePropertyName("file_type");
            RuleFor(c => c.Staged).NotNull().WithMessage("must be a file.").OverridePropertyName("file");
        }
    }

    internal sealed class Handler(IMedia media, FileNames names, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var staged = request.Staged!;
            var type = FileTypes.Reconcile(request.FileType!, staged.Type) ?? throw new RefusedException(Refusal.FileTypeMismatch);
            var now = clock.GetUtcNow();
            var id = new FileId(Guid.CreateVersion7(now));
            var name = await names.SealAsync(request.Caller, id, request.Name, cancellationToken);
            var kept = await media.KeepAsync(
                new NewFile(id, request.Caller, staged.Sha256, staged.Size, request.FileType!, type, name, now, staged.Segments), cancellationToken)
                ?? throw new RefusedException(Refusal.UploadExpired);
            return new Result(kept.Id, staged.Sha256, staged.Size, kept.ContentType, kept.Duplicate);
        }
    }
}

/// <summary>Bytes that are stored, but not kept: without a file that stands for them they are cleared away.</summary>
/// <param name="Type">What they say they are.</param>
public sealed record StagedFile(IReadOnlyList<Segment> Segments, ReadOnlyMemory<byte> Sha256, long Size, string Type);

/// <summary>Stores what comes in, and hashes it on the way.</summary>
public sealed class Staging(IMedia media, IBlobs blobs, IOptions<MediaOptions> options, TimeProvider clock)
{
    /// <summary>Stores a stream to its end.</summary>
    /// <exception cref="RefusedException">It is larger than a file may be.</exception>
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
        return new StagedFile([new Segment(0, size, key)], sha256.GetHashAndReset(), size, ContentTypes.Of(upload.Head.Span));
    }

    /// <summary>A key for bytes that are about to be stored.</summary>
    internal async Task<BlobKey> ReserveAsync(CancellationToken cancellationToken)
    {
        var key = BlobKey.New();
        await media.ReserveAsync(key, clock.GetUtcNow() + options.Value.UploadExpiry, cancellationToken);
        return key;
    }
}
