using ChatCqrs.Application.Auditing.Exports;
using ChatCqrs.Application.Ports;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using MediatR;

namespace ChatCqrs.WebApi.Auditing;

/// <summary><c>/v1/audit/exports</c>: archives of conversations, for <see cref="RoleNames.Auditor"/>.</summary>
public static class AuditExportEndpoints
{
    public static RouteGroupBuilder MapAuditExports(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/v1/audit/exports").RequireAuthorization(RoleNames.Auditor);
        group.MapPost("", RequestAsync).Audited("export").AnswersWhenDurable();
        group.MapGet("/{id}", ShowAsync);
        group.MapGet("/{id}/file", OpenAsync).Audited("export_file");
        return api;
    }

    private static async Task<IResult> RequestAsync(
        RequestExport.Body body, Caller caller, IMediator mediator, CancellationToken cancellationToken)
    {
        var id = await mediator.Send(new RequestExport.Command(caller.User, caller.Device, body), cancellationToken);
        return TypedResults.Accepted($"/v1/audit/exports/{id}", new RequestedExportAnswer(id));
    }

    private static async Task<AuditExportAnswer> ShowAsync(
        string id, Caller caller, IMediator mediator, CancellationToken cancellationToken)
    {
        var export = await mediator.Send(new ShowExport.Query(caller.User, id), cancellationToken);
        return new AuditExportAnswer(NameOf(export.Status), export.Done, export.Total, export.Size);
    }

    private static async Task<IResult> OpenAsync(
        string id, Caller caller, IMediator mediator, HttpContext context, CancellationToken cancellationToken)
    {
        var opened = await mediator.Send(new OpenExport.Query(caller.User, id), cancellationToken);
        AuditedAnswer.Of(context).Entries = opened.Export.Total;
        context.Response.ContentLength = opened.Export.Size;
        return TypedResults.Stream(opened.Bytes, "application/zip", $"export-{opened.Export.Id}.zip");
    }

    private static string NameOf(ExportStatus status) => status switch
    {
        ExportStatus.Queued => "queued",
        ExportStatus.Running => "running",
        ExportStatus.Done => "done",
        ExportStatus.Failed => "failed",
        _ => throw new ArgumentOutOfRangeException(nameof(status)),
    };
}

/// <summary>An export that was asked for.</summary>
public sealed record RequestedExportAnswer(Guid ExportId);

/// <summary>How far an export is.</summary>
/// <param name="Status"><c>queued</c>, <c>running</c>, <c>done</c> or <c>failed</c>.</param>
/// <param name="Done">Events that are written.</param>
/// <param name="Total">Events that there are to write.</param>
/// <param name="Size">The archive's size in bytes; null until it is done.</param>
public sealed record AuditExportAnswer(string Status, long Done, long Total, long? Size);
