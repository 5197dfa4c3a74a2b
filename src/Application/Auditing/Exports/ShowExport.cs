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
        public async Task<AuditExport> Handle(Query request, CancellationToken cancellationToken) =>
            Uuids.TryParse(request.Id, out var id) && await exports.FindAsync(id, cancellationToken) is { } export
            && export.Auditor == request.Auditor
                ? export
                : throw new RefusedException(Refusal.ExportUnknown);
    }
}
