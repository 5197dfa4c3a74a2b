using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>Opens the archive of an export that is done, to be read once from its start.</summary>
public static class OpenExport
{
    public sealed record Query(UserId Auditor, string Id) : IRequest<Result>;

    /// <param name="Bytes">The archive.</param>
    public sealed record Result(AuditExport Export, Stream Bytes);

    internal sealed class Handler(IMatters matters, IAuditExports exports, IBlobs blobs)
        : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var export = await ShowExport.FindAsync(exports, request.Auditor, request.Id, cancellationToken);
            if (export.Status != ExportStatus.Done)
                throw new RefusedException(Refusal.ExportUnfinished);
            if (export.Matter is { } matter) // What was opened in it may be taken away only while it is open.
                await matters.OpenAsync(matter, null, request.Auditor, cancellationToken);
            var archive = (await exports.FilesAsync(export.Id, cancellationToken))
                .Single(file => file.Name.Length == 0);
            return await blobs.OpenAsync(archive.Key, 0, cancellationToken) is { } bytes
                ? new Result(export, bytes)
                : throw new RefusedException(Refusal.ExportUnknown);
        }
    }
}
