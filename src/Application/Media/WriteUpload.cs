using System.Security.Cryptography;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Media;

/// <summary>Continues an upload.</summary>
public static class WriteUpload
{
    /// <param name="Offset">The body's offset in the file.</param>
    /// <param name="Length">The file's size in bytes, if it was not told before; otherwise null.</param>
    public sealed record Command(
        UserId Caller, string Upload, long? Offset, long? Length, UploadBody Body) : IRequest<Result>;

    /// <param name="File">The file if this completed the upload; otherwise null.</param>
    public sealed record Result(long Received, DateTimeOffset ExpiresAt, FileId? File);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Offset).NotNull().GreaterThanOrEqualTo(0)
            .WithMessage("must be where the body begins.").OverridePropertyName("Upload-Offset");
    }

    internal sealed class Handler(UploadAccess access, UploadWriter writer, UploadTurns turns)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var id = (await access.RequireAsync(request.Caller, request.Upload, cancellationToken)).Id;
            using var turn = await turns.TakeAsync(id, cancellationToken)
                ?? throw new RefusedException(Refusal.UploadLocked);
            var upload = await access.RequireAsync(request.Caller, request.Upload, cancellationToken);
            if (upload.IsFinal)
                throw new RefusedException(Refusal.UploadFinal);
            if (request.Offset != upload.Received)
                throw new RefusedException(Refusal.UploadOffsetMismatch);
            if (request.Length is { } length)
                upload = await writer.SetLengthAsync(upload, length, cancellationToken);
            var (received, file) = await writer.WriteAsync(upload, request.Body, cancellationToken);
            return new Result(received, upload.ExpiresAt, file);
        }
    }
}

/// <summary>Bytes that arrive for an upload.</summary>
/// <param name="Size">The body's size in bytes; null if unknown.</param>
/// <param name="Checksum">
/// The body's expected hash; null for none. With one, the body is taken completely or not at all.
/// </param>
public sealed record UploadBody(Stream Content, long? Size, BodyChecksum? Checksum);

/// <param name="Algorithm">SHA-1, SHA-256, SHA-512 or MD5.</param>
public sealed record BodyChecksum(HashAlgorithmName Algorithm, ReadOnlyMemory<byte> Hash);
