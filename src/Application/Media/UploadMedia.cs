using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

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
            if (staged.Size == 0)
                throw new RefusedException(Refusal.EmptyFile);
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
