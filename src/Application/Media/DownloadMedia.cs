using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Returns a file to a user who may download it: its bytes, or its address at a content delivery network.
/// </summary>
public static class DownloadMedia
{
    /// <param name="UserId">The caller's id, or null.</param>
    public sealed record Query(UserId Caller, string? FileId, string? UserId) : IRequest<Result>;

    /// <param name="Content">The bytes; null if <paramref name="Elsewhere"/> is set.</param>
    /// <param name="Elsewhere">
    /// A signed address, valid for a while and for everyone who has it; null if <paramref name="Content"/> is set.
    /// </param>
    public sealed record Result(Download? Content, Uri? Elsewhere);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.FileId).Must(id => Uuids.TryParse(id, out _)).WithMessage("must be a UUID.")
                .OverridePropertyName("file_id");
            RuleFor(q => q.UserId).Must(id => id is null || Uuids.TryParse(id, out _)).WithMessage("must be a UUID.")
                .OverridePropertyName("user_id");
        }
    }

    internal sealed class Handler(
        MediaAccess access, Downloads downloads, MediaLinks links, IOptions<MediaOptions> options)
        : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            if (request.UserId is not null && Guid.Parse(request.UserId) != request.Caller.Value)
                throw new RefusedException(Refusal.NotTheCaller);
            var file = await access.RequireAsync(
                request.Caller, new FileId(Guid.Parse(request.FileId!)), cancellationToken);
            if (options.Value.PublicBaseUrl is not { } elsewhere)
                return new Result(await downloads.OpenAsync(file.File, cancellationToken), null);
            return await links.SignAsync(elsewhere, file, cancellationToken) is { } link
                ? new Result(null, link.Address)
                : throw new RefusedException(Refusal.FileUnknown);
        }
    }
}

/// <summary>Returns a file to the holder of a signed address: a page, or the content delivery network.</summary>
public static class FetchSignedMedia
{
    public sealed record Query(string FileId, string? Expires, string? Signature) : IRequest<Result>;

    /// <param name="ExpiresAt">When the address expires, UTC.</param>
    public sealed record Result(Download Content, DateTimeOffset ExpiresAt);

    internal sealed class Handler(IMedia media, Downloads downloads, MediaLinks links) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(request.FileId, out var id)
                || await media.FindAsync(new FileId(id), cancellationToken) is not { } file)
                throw new RefusedException(Refusal.LinkInvalid); // Whether there is such a file is not told.
            var expiresAt = await links.RequireAsync(file, request.Expires, request.Signature, cancellationToken);
            return new Result(await downloads.OpenAsync(file, cancellationToken), expiresAt);
        }
    }
}

/// <summary>
/// A file to read. <see cref="IsShown"/> tells whether browsers may show it within a page instead of saving it.
/// </summary>
/// <param name="Name">The suggested file name.</param>
/// <param name="Bytes">Seekable; opened on the first read.</param>
public sealed record Download(
    ReadOnlyMemory<byte> Sha256, string ContentType, string Name, DateTimeOffset At, Stream Bytes)
{
    public bool IsShown => ContentTypes.AreShown(ContentType);
}

internal sealed class Downloads(IBlobs blobs, FileNames names)
{
    public async Task<Download> OpenAsync(MediaFile file, CancellationToken cancellationToken)
    {
        var name = await names.OpenAsync(file.Owner, file.Id, file.Name, cancellationToken)
            ?? $"{file.Id}.{ContentTypes.ExtensionOf(file.ContentType)}";
        return new Download(file.Sha256, file.ContentType, name, file.At, new SegmentStream(blobs, file.Segments));
    }
}
