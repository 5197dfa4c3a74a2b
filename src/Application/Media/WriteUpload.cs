using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Continues an upload. Bytes become durable piece by piece, so that a failure of the client, the network or the server
/// loses at most <see cref="PieceSize"/>.
/// </summary>
public static class WriteUpload
{
    /// <summary>The bytes that become durable at once.</summary>
    private const long PieceSize = 16 * 1024 * 1024;

    /// <param name="Offset">The body's offset in the file.</param>
    /// <param name="Size">The body's size in bytes; null if unknown.</param>
    /// <param name="Checksum">
    /// The body's expected hash; null for none. With one, the body is taken completely or not at all.
    /// </param>
    public sealed record Command(
        UserId Caller, string Upload, long? Offset, long? Size, BodyChecksum? Checksum, Stream Body) : IRequest<Result>;

    /// <param name="Algorithm">SHA-1, SHA-256, SHA-512 or MD5.</param>
    public sealed record BodyChecksum(HashAlgorithmName Algorithm, ReadOnlyMemory<byte> Hash);

    /// <param name="File">The file if this completed the upload; otherwise null.</param>
    public sealed record Result(long Received, DateTimeOffset ExpiresAt, FileId? File);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Offset).NotNull().GreaterThanOrEqualTo(0)
            .WithMessage("must be where the body begins.").OverridePropertyName("Upload-Offset");
    }

    internal sealed class Handler(
        UploadAccess access, UploadFinisher finisher, UploadTurns turns, UploadHashes hashes, IUploads uploads,
        IBlobs blobs, Staging staging)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var id = (await access.RequireAsync(request.Caller, request.Upload, cancellationToken)).Id;
            using var turn = await turns.TakeAsync(id, cancellationToken)
                ?? throw new RefusedException(Refusal.UploadLocked);
            var upload = await access.RequireAsync(request.Caller, request.Upload, cancellationToken);
            if (request.Offset != upload.Received)
                throw new RefusedException(Refusal.UploadOffsetMismatch);
            if (request.Size > upload.Length - upload.Received)
                throw new RefusedException(Refusal.UploadLengthExceeded);

            var hash = hashes.Take(id, upload.Received);
            using var checksum = request.Checksum is { } wanted ? IncrementalHash.CreateHash(wanted.Algorithm) : null;
            await using var body = new UploadStream(request.Body, hash)
            {
                Checksum = checksum,
                KeepsWhatArrived = true,
            };
            var received = await StoreAsync(upload, body, request.Checksum, cancellationToken);
            if (received < upload.Length)
            {
                hashes.Put(id, received, hash);
                return body.Interruption is { } gone ? throw gone : new Result(received, upload.ExpiresAt, null);
            }

            using (hash)
                return new Result(
                    received, upload.ExpiresAt, await finisher.FinishAsync(upload, hash, CancellationToken.None));
        }

        /// <returns>The number of bytes received so far.</returns>
        private async Task<long> StoreAsync(
            Upload upload, UploadStream body, BodyChecksum? checksum, CancellationToken cancellationToken)
        {
            var received = upload.Received;
            var parts = new List<Segment>();
            while (received < upload.Length && !body.Ended)
            {
                body.Allow(Math.Min(PieceSize, upload.Length - received));
                var key = await staging.ReserveAsync(cancellationToken);
                // A disconnecting client ends the body, but must not cancel the storing.
                var size = await blobs.PutAsync(key, body, CancellationToken.None);
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
                throw gone; // A part of a body cannot be checked.
            if (!CryptographicOperations.FixedTimeEquals(body.Checksum!.GetHashAndReset(), checksum.Hash.Span))
                throw new RefusedException(Refusal.ChecksumMismatch);
            await AppendAsync(upload.Id, parts);
            return received;
        }

        private async Task AppendAsync(Guid upload, List<Segment> parts)
        {
            if (!await uploads.AppendAsync(upload, parts[0].Offset, parts, CancellationToken.None))
                throw new RefusedException(Refusal.UploadOffsetMismatch); // Another node wrote first.
        }

        /// <summary>Refuses a body of unknown size that exceeds the file's length; the file's bytes are kept.</summary>
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
