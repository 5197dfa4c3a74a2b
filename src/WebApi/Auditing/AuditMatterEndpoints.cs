using ChatCqrs.Application.Auditing;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using MediatR;

namespace ChatCqrs.WebApi.Auditing;

/// <summary><c>/v1/audit</c>: matters, holds, and who looked at what.</summary>
public static class AuditMatterEndpoints
{
    public static RouteGroupBuilder MapAuditMatters(this RouteGroupBuilder api)
    {
        var audit = api.MapGroup("/v1/audit");
        audit.MapGet("/access", ListAccessesAsync).RequireAuthorization(RoleNames.Admin).Audited("access");
        audit.MapPost("/matters", RequestMatterAsync).RequireAuthorization(RoleNames.Auditor);
        audit.MapGet("/matters", ListMattersAsync).RequireAuthorization(RoleNames.AnyOfAudit);
        audit.MapGet("/matters/{id}", ShowMatterAsync).RequireAuthorization(RoleNames.AnyOfAudit);
        audit.MapPost("/matters/{id}/approval", SettleMatterAsync).RequireAuthorization(RoleNames.Approver);
        audit.MapPost("/holds", PlaceHoldAsync).RequireAuthorization(RoleNames.Compliance);
        audit.MapGet("/holds", ListHoldsAsync).RequireAuthorization(RoleNames.AnyOfAudit);
        audit.MapPost("/holds/{id}/approval", SettleHoldAsync).RequireAuthorization(RoleNames.Approver);
        audit.MapDelete("/holds/{id}", ReleaseHoldAsync).RequireAuthorization(RoleNames.Compliance);
        return api;
    }

    private static async Task<IResult> PlaceHoldAsync(
        PlaceHold.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var result = await mediator.Send(
            new PlaceHold.Command(caller.User, caller.Device, body), cancellationToken);
        response.SetPosition(result.Position);
        return TypedResults.Json(result.Hold, statusCode: StatusCodes.Status201Created);
    }

    private static Task<ListHolds.Result> ListHoldsAsync(
        string? cursor, string? limit, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new ListHolds.Query(cursor, QueryValues.Int("limit", limit)), cancellationToken);

    private static async Task<HoldView> SettleHoldAsync(
        string id, SettleMatter.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var result = await mediator.Send(
            new SettleHold.Command(caller.User, caller.Device, id, body), cancellationToken);
        response.SetPosition(result.Position);
        return result.Hold;
    }

    private static async Task<IResult> ReleaseHoldAsync(
        string id, Caller caller, IMediator mediator, HttpResponse response, CancellationToken cancellationToken)
    {
        response.SetPosition(
            await mediator.Send(new ReleaseHold.Command(caller.User, caller.Device, id), cancellationToken));
        return Results.NoContent();
    }

    private static async Task<ListAccesses.Result> ListAccessesAsync(
        string? auditor, string? from, string? to, string? cursor, string? limit, HttpContext context,
        IMediator mediator, CancellationToken cancellationToken)
    {
        var result = await mediator.Send(
            new ListAccesses.Query(auditor, from, to, cursor, QueryValues.Int("limit", limit)), cancellationToken);
        AuditedAnswer.Of(context).Entries = result.Accesses.Count;
        return result;
    }

    private static async Task<IResult> RequestMatterAsync(
        RequestMatter.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var result = await mediator.Send(
            new RequestMatter.Command(caller.User, caller.Device, body), cancellationToken);
        response.SetPosition(result.Position);
        return TypedResults.Json(result.Matter, statusCode: StatusCodes.Status201Created);
    }

    private static Task<ListMatters.Result> ListMattersAsync(
        string? cursor, string? limit, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new ListMatters.Query(cursor, QueryValues.Int("limit", limit)), cancellationToken);

    private static Task<MatterView> ShowMatterAsync(
        string id, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new ShowMatter.Query(id), cancellationToken);

    private static async Task<MatterView> SettleMatterAsync(
        string id, SettleMatter.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var result = await mediator.Send(
            new SettleMatter.Command(caller.User, caller.Device, id, body), cancellationToken);
        response.SetPosition(result.Position);
        return result.Matter;
    }
}
