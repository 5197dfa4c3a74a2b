using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Media;

/// <summary>Returns how much of an upload was received, so that it can be resumed.</summary>
public static class ShowUpload
{
    public sealed record Query(UserId Caller, string Upload) : IRequest<Result>;

    /// <param name="Length">Null while it is unknown.</param>
    /// <param name="File">The file; null until the upload is complete, and for a partial upload.</param>
    /// <param name="Metadata"><c>Upload-Metadata</c> as at the creation; null for none.</param>
    /// <param name="Concat"><c>Upload-Concat</c> as at the creation; null for none.</param>
    public sealed record Result(
        long Received, long? Length, DateTimeOffset ExpiresAt, FileId? File, string? Metadata, string? Concat);

    internal sealed class Handler(
        UploadAccess access, UploadFinisher finisher, UploadTurns turns, FileNames names)
        : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var id = (await access.RequireAsync(request.Caller, request.Upload, cancellationToken)).Id;
            // Waits a moment for a part that is arriving.
            using var turn = await turns.TakeAsync(id, cancellationToken);
            var upload = await access.RequireAsync(request.Caller, request.Upload, cancellationToken);
            var file = upload.File;
            if (file is null && !upload.IsPartial && upload.Received == upload.Length && turn is not null)
                // The server stopped between the last byte and this.
                file = await finisher.FinishAsync(upload, null, cancellationToken);
            var metadata = await names.OpenAsync(
                upload.Owner, new FileId(upload.Id), upload.Metadata, cancellationToken);
            return new Result(upload.Received, upload.Length, upload.ExpiresAt, file, metadata, upload.Concat);
        }
    }
}
