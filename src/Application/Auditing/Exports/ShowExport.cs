using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Auditing.Exports;

/// <summary>How far an export is. Only who asked for it may know of it.</summary>
public static class ShowExport
{
    public sealed record Query(UserId Auditor, string Id) : IRequest<AuditExport>;

    internal sealed class Handler(IAuditExports exports) : IRequestHandler<Query, AuditExport>
    {
        public Task<AuditExport> Handle(Query request, CancellationToken cancellationToken) =>
            FindAsync(exports, request.Auditor, request.Id, cancellationToken);
    }

    /// <exception cref="RefusedException">There is no such export of this auditor.</exception>
    internal static async Task<AuditExport> FindAsync(
        IAuditExports exports, UserId auditor, string text, CancellationToken cancellationToken) =>
        Uuids.TryParse(text, out var id) && await exports.FindAsync(id, cancellationToken) is { } export
        && export.Auditor == auditor
            ? export
            : throw new RefusedException(Refusal.ExportUnknown);
}
