using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Goes on with an upload. Its bytes become durable piece by piece, so that an end of the client, the network or the server costs one piece at most.
/// </summary>
public static class WriteUpload
{
    /// <summary>How many bytes become durable at once.</summary>
    private const long PieceSize = 16 * 1024 * 1024;

    /// <param name="Offset">Where the body begins in the file.</param>
    /// <param name="Size">The body's size; null when it is not known.</param>
    /// <param name="Checksum">What the body must hash to; null for anything. With one, all of it is taken or nothing.</param>
    public sealed record Command(UserId Caller, string Upload, long? Offset, long? Size, BodyChecksum? Checksum, Stream Body) : IRequest<Result>;

    /// <param name="Algorithm">SHA-1, SHA-256, SHA-512 or MD5.</param>
    public sealed record BodyChecksum(HashAlgorithmName Algorithm, ReadOnlyMemory<byte> Hash);

    /// <param name="File">Set when this completed the upload.</param>
    public sealed record Result(long Received, DateTimeOffset ExpiresAt, FileId? File);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Offset).NotNull().GreaterThanOrEqualTo(0)
            .WithMessage("must be where the body begins.").OverridePropertyName("Upload-Offset");
    }

    internal sealed class Handler(
        UploadAccess access, UploadFinisher finisher, UploadTurns turns, UploadHashes hashes, IUploads uploads, IBlobs blobs, Staging staging)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var id = (await access.RequireAsync(request.Caller, request.Upload, cancellationToken)).Id;
            using var turn = await turns.TakeAsync(id, cancellationToken) ?? throw new RefusedException(Refusal.UploadLocked);
            var upload = await access.RequireAsync(request.Caller, request.Upload, cancellationToken);
            if (request.Offset != upload.Received)
                throw new RefusedException(Refusal.UploadOffsetMismatch);
            if (request.Size > upload.Length - upload.Received)
                throw new RefusedException(Refusal.UploadLengthExceeded);

            var hash = hashes.Take(id, upload.Received);
            using var checksum = request.Checksum is { } wanted ? IncrementalHash.CreateHash(wanted.Algorithm) : null;
            await using var body = new UploadStream(request.Body, hash) { Checksum = checksum, KeepsWhatArrived = true };
            var received = await StoreAsync(upload, body, request.Checksum, cancellationToken);
            if (received < upload.Length)
            {
                hashes.Put(id, received, hash);
                return body.Interruption is { } gone ? throw gone : new Result(received, upload.ExpiresAt, null);
            }

            using (hash)
                return new Result(received, upload.ExpiresAt, await finisher.FinishAsync(upload, hash, CancellationToken.None));
        }

        /// <returns>Up to where the upload has arrived.</returns>
        private async Task<long> StoreAsync(Upload upload, UploadStream body, BodyChecksum? checksum, CancellationToken cancellationToken)
        {
            var received = upload.Received;
            var parts = new List<Segment>();
            while (received < upload.Length && !body.Ended)
            {
                body.Allow(Math.Min(PieceSize, upload.Length - received));
                var key = await staging.ReserveAsync(cancellationToken);
                var size = await blobs.PutAsync(key, body, CancellationToken.None); // The client's going away ends the body, not the storing.
                if (size == 0)
                    break;
                parts.Add(new Segment(received, size, key));
                received += size;
                if (checksum is null)
                {
                    await AppendAsync(upload.Id, parts);
                    parts.Clear();
                }
            }

            await RefuseExcessAsync(body);
            if (checksum is null || parts.Count == 0)
                return received;
            if (body.Interruption is { } gone)
                throw gone; // Part of a body proves nothing.
            if (!CryptographicOperations.FixedTimeEquals(body.Checksum!.GetHashAndReset(), checksum.Hash.Span))
                throw new RefusedException(Refusal.ChecksumMismatch);
            await AppendAsync(upload.Id, parts);
            return received;
        }

        private async Task AppendAsync(Guid upload, List<Segment> parts)
        {
            if (!await uploads.AppendAsync(upload, parts[0].Offset, parts, CancellationToken.None))
                throw new RefusedException(Refusal.UploadOffsetMismatch); // Another node was faster.
        }

        /// <summary>A body of unknown size that goes on beyond the file's end is refused; what belongs to the file has been kept.</summary>
        private static async Task RefuseExcessAsync(UploadStream body)
        {
            if (body.Ended)
                return;
            body.Allow(1);
            if (await body.ReadAsync(new byte[1]) > 0)
                throw new RefusedException(Refusal.UploadLengthExceeded);
        }
    }
}
