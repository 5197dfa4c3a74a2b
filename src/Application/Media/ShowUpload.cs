using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Media;

/// <summary>How much of an upload has arrived, so that it can go on from there.</summary>
public static class ShowUpload
{
    public sealed record Query(UserId Caller, string Upload) : IRequest<Result>;

    /// <param name="File">Set once it has arrived.</param>
    public sealed record Result(long Received, long Length, DateTimeOffset ExpiresAt, FileId? File);

    internal sealed class Handler(UploadAccess access, UploadFinisher finisher, UploadTurns turns) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var id = (await access.RequireAsync(request.Caller, request.Upload, cancellationToken)).Id;
            using var turn = await turns.TakeAsync(id, cancellationToken); // What is just arriving is waited for a moment.
            var upload = await access.RequireAsync(request.Caller, request.Upload, cancellationToken);
            var file = upload.File;
            if (file is null && upload.Received == upload.Length && turn is not null)
                file = await finisher.FinishAsync(upload, null, cancellationToken); // The server ended between the last byte and this.
            return new Result(upload.Received, upload.Length, upload.ExpiresAt, file);
        }
    }
}
