using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using FluentValidation.Results;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Announces a file, or a part of one, to be uploaded in several requests; or puts a file together of such parts.
/// </summary>
public static class CreateUpload
{
    /// <summary>The most characters of <c>Upload-Metadata</c>.</summary>
    public const int MetadataMax = 4 * 1024;

    /// <param name="Length">The file's size in bytes; null if it is told later, or follows from the parts.</param>
    public sealed record Command(UserId Caller, long? Length, string? FileType, string? Name) : IRequest<Result>
    {
        /// <summary><c>Upload-Defer-Length</c>; null for none.</summary>
        public string? Deferred { get; init; }

        /// <summary><c>Upload-Metadata</c> as it came; null for none.</summary>
        public string? Metadata { get; init; }

        /// <summary><c>Upload-Concat</c> as it came; null for none.</summary>
        public string? Concat { get; init; }

        /// <summary>The first bytes; null for none.</summary>
        public UploadBody? Body { get; init; }

        internal bool IsPartial => Concat == Upload.Partial;
        internal bool IsFinal => Concat is not null && !IsPartial;
    }

    /// <param name="File">The file, if the upload is complete; otherwise null.</param>
    public sealed record Result(Guid Upload, long Received, DateTimeOffset ExpiresAt, FileId? File);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Concat).Must(concat => concat is null or Upload.Partial || Partials.Read(concat) is not null)
                .WithMessage("must be partial, or final; and the addresses of different partial uploads.")
                .OverridePropertyName("Upload-Concat");
            RuleFor(c => c.Deferred).Must(deferred => deferred is null or "1").WithMessage("must be 1.")
                .OverridePropertyName("Upload-Defer-Length");
            RuleFor(c => c.Length).Null().When(c => c.IsFinal || c.Deferred is not null)
                .WithMessage("must be absent where the length is told later, or is that of partial uploads.")
                .OverridePropertyName("Upload-Length");
            RuleFor(c => c.Length).NotNull().GreaterThanOrEqualTo(0).When(c => !c.IsFinal && c.Deferred is null)
                .WithMessage("must be the file's size in bytes.").OverridePropertyName("Upload-Length");
            RuleFor(c => c.Body).Null().When(c => c.IsFinal).WithMessage("must be empty.")
                .OverridePropertyName("body");
            RuleFor(c => c.FileType).Must((c, type) => c.IsPartial || FileTypes.Exists(type))
                .WithMessage($"must carry file_type, one of {FileTypes.Names}, in base64.")
                .OverridePropertyName("Upload-Metadata");
            RuleFor(c => c.Metadata).MaximumLength(MetadataMax)
                .WithMessage($"must have at most {MetadataMax} characters.").OverridePropertyName("Upload-Metadata");
        }
    }

    internal sealed class Handler(
        IUploads uploads, UploadAccess access, UploadTurns turns, UploadFinisher finisher, UploadWriter writer,
        FileNames names, IOptions<MediaOptions> options, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            if (request.Length > options.Value.SizeMax)
                throw new RefusedException(Refusal.FileTooLarge);
            if (request.Length == 0 && !request.IsPartial)
                throw new RefusedException(Refusal.EmptyFile);
            return request.IsFinal
                ? await JoinAsync(request, cancellationToken)
                : await AddAsync(request, cancellationToken);
        }

        private async Task<Result> AddAsync(Command request, CancellationToken cancellationToken)
        {
            var upload = await PrepareAsync(request, cancellationToken);
            var quota = options.Value.QuotaOf(request.Caller, clock.GetUtcNow());
            switch (await uploads.AddAsync(upload, options.Value.UnfinishedMax, quota, cancellationToken))
            {
                case UploadAdded.TooMany:
                    throw new RefusedException(Refusal.TooManyUploads);
                case UploadAdded.OverQuota:
                    throw new RefusedException(Refusal.MediaQuotaExceeded);
            }

            if (request.Body is null)
                return new Result(upload.Id, 0, upload.ExpiresAt, null);
            try
            {
                var (received, file) = await writer.WriteAsync(upload, request.Body, cancellationToken);
                return new Result(upload.Id, received, upload.ExpiresAt, file);
            }
            catch
            {
                // The client gets no address, so nobody could go on with it.
                await uploads.RemoveAsync(upload.Id, CancellationToken.None);
                throw;
            }
        }

        /// <summary>Puts a file together. The same request again, after a lost answer, gets the same upload.</summary>
        private async Task<Result> JoinAsync(Command request, CancellationToken cancellationToken)
        {
            if (await uploads.FindFinalAsync(request.Caller, request.Concat!, cancellationToken) is { } known)
                return await FinishAsync(known, cancellationToken);
            var partials = new List<Upload>();
            foreach (var id in Partials.Read(request.Concat!)!)
                partials.Add(await access.RequireAsync(request.Caller, id, cancellationToken));
            if (partials.Any(partial => !partial.IsPartial))
                throw new ValidationException(
                    [new ValidationFailure("Upload-Concat", "must name partial uploads only.")]);
            if (partials.Any(partial => partial.Received != partial.Length))
                throw new RefusedException(Refusal.UploadUnfinished);
            var length = partials.Sum(partial => partial.Received);
            if (length == 0)
                throw new RefusedException(Refusal.EmptyFile);
            if (length > options.Value.SizeMax)
                throw new RefusedException(Refusal.FileTooLarge);
            var upload = await PrepareAsync(request, cancellationToken) with { Length = length, Received = length };
            if (await uploads.JoinAsync(upload, [.. partials.Select(partial => partial.Id)], cancellationToken))
                return await FinishAsync(upload, cancellationToken);
            return await uploads.FindFinalAsync(request.Caller, request.Concat!, cancellationToken) is { } meanwhile
                ? await FinishAsync(meanwhile, cancellationToken)
                : throw new RefusedException(Refusal.UploadUnknown); // One was used or removed meanwhile.
        }

        private async Task<Result> FinishAsync(Upload upload, CancellationToken cancellationToken)
        {
            using var turn = await turns.TakeAsync(upload.Id, cancellationToken)
                ?? throw new RefusedException(Refusal.UploadLocked);
            var current = await uploads.FindAsync(upload.Id, cancellationToken)
                ?? throw new RefusedException(Refusal.UploadUnknown);
            var file = current.File ?? await finisher.FinishAsync(current, null, cancellationToken);
            return new Result(current.Id, current.Received, current.ExpiresAt, file);
        }

        private async Task<Upload> PrepareAsync(Command request, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            var file = new FileId(Guid.CreateVersion7(now));
            return new Upload(
                file.Value, request.Caller, request.Length, 0, request.FileType ?? "",
                await names.SealAsync(request.Caller, file, request.Name, cancellationToken),
                now + options.Value.UploadExpiry, null)
            {
                Metadata = await names.SealAsIsAsync(request.Caller, file, request.Metadata, cancellationToken),
                Concat = request.Concat,
            };
        }
    }

    /// <summary>The value of <c>Upload-Concat</c> of a file that is put together.</summary>
    private static class Partials
    {
        private const string Start = "final;";

        /// <returns>The uploads' ids: the last parts of their addresses. Null if the value is malformed.</returns>
        public static IReadOnlyList<string>? Read(string concat)
        {
            if (!concat.StartsWith(Start, StringComparison.Ordinal))
                return null;
            var ids = concat[Start.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(address => address[(address.LastIndexOf('/') + 1)..].ToLowerInvariant()).ToList();
            return ids.Count > 0 && ids.Distinct().Count() == ids.Count ? ids : null;
        }
    }
}
