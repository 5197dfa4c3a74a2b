using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Appends bytes to an upload. They become durable piece by piece, so that a failure of the client, the network or the
/// server loses at most <see cref="PieceSize"/>. A last part below <see cref="PartMin"/> is stored anew with the bytes
/// that follow it, so however small the requests are, an upload of n bytes has at most n / PartMin + 1 parts.
/// </summary>
internal sealed class UploadWriter(
    UploadFinisher finisher, UploadHashes hashes, IUploads uploads, IBlobs blobs, Staging staging,
    IOptions<MediaOptions> options, TimeProvider clock)
{
    /// <summary>The bytes that become durable at once.</summary>
    private const long PieceSize = 16 * 1024 * 1024;

    /// <summary>The fewest bytes of a part that others follow.</summary>
    public const int PartMin = 64 * 1024;

    /// <summary>Sets the length of an upload that was created without; once set it stays.</summary>
    /// <exception cref="RefusedException">The length is 0, too large, or beyond the owner's quota.</exception>
    /// <exception cref="ValidationException">Another length is set, or more bytes have arrived.</exception>
    public async Task<Upload> SetLengthAsync(Upload upload, long length, CancellationToken cancellationToken)
    {
        if (upload.Length == length)
            return upload;
        if (upload.Length is not null || length < upload.Received)
            throw new ValidationException([new ValidationFailure(
                "Upload-Length", "must not change, and must not be less than what has arrived.")]);
        if (length == 0 && !upload.IsPartial)
            throw new RefusedException(Refusal.EmptyFile);
        if (length > options.Value.SizeMax)
            throw new RefusedException(Refusal.FileTooLarge);
        return await uploads.SetLengthAsync(upload.Id, length, QuotaOf(upload), cancellationToken)
            ? upload with { Length = length }
            : throw new RefusedException(Refusal.MediaQuotaExceeded);
    }

    /// <summary>The caller has the upload's turn, or is the only one who knows of it.</summary>
    /// <returns>The bytes received in all, and the file if this completed it.</returns>
    public async Task<(long Received, FileId? File)> WriteAsync(
        Upload upload, UploadBody incoming, CancellationToken cancellationToken)
    {
        if (incoming.Size > LimitOf(upload) - upload.Received)
            throw Excess(upload);
        var hash = hashes.Take(upload.Id, upload.Received);
        using var checksum = incoming.Checksum is { } wanted ? IncrementalHash.CreateHash(wanted.Algorithm) : null;
        await using var body = new UploadStream(incoming.Content, hash)
        {
            Checksum = checksum,
            KeepsWhatArrived = true,
            Prefix = await TailAsync(upload, cancellationToken),
        };
        var received = await StoreAsync(upload, body, incoming);
        if (received != upload.Length)
        {
            hashes.Put(upload.Id, received, hash);
            return body.Interruption is { } gone ? throw gone : (received, null);
        }

        using (hash)
        {
            return upload.IsPartial
                ? (received, null)
                : (received, await finisher.FinishAsync(
                    upload with { Received = received }, hash, CancellationToken.None));
        }
    }

    /// <returns>The number of bytes received so far.</returns>
    private async Task<long> StoreAsync(Upload upload, UploadStream body, UploadBody incoming)
    {
        var (received, durable, limit) = (upload.Received, upload.Received, LimitOf(upload));
        var pending = new List<Segment>();
        try
        {
            while (received < limit && !body.Ended)
            {
                var (start, passed) = (received - body.Prefix.Length, body.Passed);
                var most = Math.Min(PieceSize, limit - received);
                if (upload.Length is null)
                    await ReserveAsync(upload, received + Math.Min(most, incoming.Size - passed ?? most));
                body.Allow(most);
                var (key, size) = await staging.PutAsync(body);
                var part = new Segment(start, size, key);
                if (body.Passed == passed)
                {
                    await staging.DiscardAsync([part]); // Nothing arrived any more.
                    break;
                }

                pending.Add(part);
                received += body.Passed - passed;
                if (incoming.Checksum is not null)
                    continue;
                await AppendAsync(upload.Id, durable, pending);
                durable = received;
            }

            await RefuseExcessAsync(upload, body);
            if (incoming.Checksum is { } checksum)
            {
                if (body.Interruption is { } gone)
                    throw gone; // A part of a body cannot be checked.
                if (!CryptographicOperations.FixedTimeEquals(body.Checksum!.GetHashAndReset(), checksum.Hash.Span))
                    throw new RefusedException(Refusal.ChecksumMismatch);
                if (body.Passed > 0)
                    await AppendAsync(upload.Id, durable, pending);
            }

            return received;
        }
        finally
        {
            if (pending.Count > 0)
                await staging.DiscardAsync(pending);
        }
    }

    /// <summary>
    /// The last part, if it is to be stored anew: the bytes that arrive now begin a part with it.
    /// </summary>
    private async Task<ReadOnlyMemory<byte>> TailAsync(Upload upload, CancellationToken cancellationToken)
    {
        if (upload.Received == 0 || upload.Received == upload.Length
            || await uploads.LastPartAsync(upload.Id, cancellationToken) is not { Size: < PartMin } last)
            return default;
        await using var content = await blobs.OpenAsync(last.Key, 0, cancellationToken)
            ?? throw new RefusedException(Refusal.UploadOffsetMismatch); // Another node replaced it.
        var tail = new byte[last.Size];
        await content.ReadExactlyAsync(tail, cancellationToken);
        return tail;
    }

    private async Task ReserveAsync(Upload upload, long bytes)
    {
        if (!await uploads.ReserveAsync(upload.Id, bytes, QuotaOf(upload), CancellationToken.None))
            throw new RefusedException(Refusal.MediaQuotaExceeded);
    }

    private async Task AppendAsync(Guid upload, long offset, List<Segment> parts)
    {
        if (!await uploads.AppendAsync(upload, offset, parts, CancellationToken.None))
            throw new RefusedException(Refusal.UploadOffsetMismatch); // Another node wrote first.
        parts.Clear();
    }

    /// <summary>Refuses a body of unknown size that exceeds the limit; the file's bytes are kept.</summary>
    private static async Task RefuseExcessAsync(Upload upload, UploadStream body)
    {
        if (body.Ended)
            return;
        body.Allow(1);
        if (await body.ReadAsync(new byte[1]) > 0)
            throw Excess(upload);
    }

    private long LimitOf(Upload upload) => upload.Length ?? options.Value.SizeMax;

    private MediaQuota QuotaOf(Upload upload) => options.Value.QuotaOf(upload.Owner, clock.GetUtcNow());

    private static RefusedException Excess(Upload upload) =>
        new(upload.Length is null ? Refusal.FileTooLarge : Refusal.UploadLengthExceeded);
}
