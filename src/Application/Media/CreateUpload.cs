using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>Announces a file to be uploaded in several requests.</summary>
public static class CreateUpload
{
    public sealed record Command(UserId Caller, long? Length, string? FileType, string? Name) : IRequest<Result>;

    /// <param name="File">The file, if it is empty; otherwise null.</param>
    public sealed record Result(Guid Upload, DateTimeOffset ExpiresAt, FileId? File);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Length).NotNull().GreaterThanOrEqualTo(0).WithMessage("must be the file's size in bytes.")
                .OverridePropertyName("Upload-Length");
            RuleFor(c => c.FileType).Must(FileTypes.Exists)
                .WithMessage($"must carry file_type, one of {FileTypes.Names}, in base64.")
                .OverridePropertyName("Upload-Metadata");
        }
    }

    internal sealed class Handler(
        IUploads uploads, UploadFinisher finisher, FileNames names, IOptions<MediaOptions> options, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            if (request.Length > options.Value.SizeMax)
                throw new RefusedException(Refusal.FileTooLarge);
            var now = clock.GetUtcNow();
            var id = Guid.CreateVersion7(now);
            var name = await names.SealAsync(request.Caller, new FileId(id), request.Name, cancellationToken);
            var upload = new Upload(
                id, request.Caller, request.Length!.Value, 0, request.FileType!, name, now + options.Value.UploadExpiry,
                null);
            if (!await uploads.AddAsync(upload, options.Value.UnfinishedMax, cancellationToken))
                throw new RefusedException(Refusal.TooManyUploads);
            var file = upload.Length == 0 ? await finisher.FinishAsync(upload, null, cancellationToken) : (FileId?)null;
            return new Result(id, upload.ExpiresAt, file);
        }
    }
}
