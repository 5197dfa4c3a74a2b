using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using MediatR;

namespace ChatCqrs.WebApi.Operations;

/// <summary>
/// <c>/v1/admin</c>: the projections, the log's incarnation and the recovery of the signed logs, for the role
/// <see cref="RoleNames.Admin"/>.
/// </summary>
public static class AdminEndpoints
{
    internal static readonly Refusal ProjectionUnknown = new(
        RefusalKind.Unknown, "projection_unknown", "There is no projection of this name.");

    /// <summary>Streams that are set aside, in an answer.</summary>
    private const int SetAsideMax = 100;

    public static RouteGroupBuilder MapAdministration(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/v1/admin").RequireAuthorization(RoleNames.Admin);
        group.MapGet("/projections", ShowAsync);
        group.MapPost("/projections/{name}/rebuild", RebuildAsync);
        group.MapPost("/log/incarnation", RenewIncarnationAsync);
        group.MapPost("/audit/recovery", RecoverLogsAsync);
        return api;
    }

    private static async Task<ProjectionsAnswer> ShowAsync(
        IProjections projections, CancellationToken cancellationToken)
    {
        var states = await projections.StatesAsync(cancellationToken);
        var aside = await projections.SetAsideAsync(SetAsideMax, cancellationToken);
        return new ProjectionsAnswer(
            [
                .. states.Select(state => new ProjectionAnswer(
                    state.Name, state.Position.Value, state.LagSeconds, state.State, state.Detail)),
            ],
            aside.Count,
            [
                .. aside.First.Select(stream => new SetAsideAnswer(
                    stream.Stream, stream.Revision, stream.Position.Value, stream.EventId, stream.Type, stream.Reason,
                    stream.Since, stream.Projections)),
            ]);
    }

    private static async Task<IResult> RebuildAsync(
        string name, IProjections projections, CancellationToken cancellationToken) =>
        await projections.RebuildAsync(name, cancellationToken)
            ? TypedResults.Json(new RebuildAnswer(name), statusCode: StatusCodes.Status202Accepted)
            : throw new RefusedException(ProjectionUnknown);

    private static async Task<IncarnationAnswer> RenewIncarnationAsync(
        ILogIncarnation incarnation, CancellationToken cancellationToken) =>
        new(await incarnation.RenewAsync(cancellationToken));

    private static Task<RecoverLogs.Result> RecoverLogsAsync(
        Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new RecoverLogs.Command(caller.User, caller.Device), cancellationToken);
}

/// <summary>The log's incarnation.</summary>
public sealed record IncarnationAnswer(Guid Incarnation);

/// <summary>The state of each read model, and the streams that are set aside.</summary>
/// <param name="SetAsideStreams">How many streams end early in the views.</param>
/// <param name="SetAside">The first 100 of them, the oldest first.</param>
public sealed record ProjectionsAnswer(
    IReadOnlyList<ProjectionAnswer> Projections, long SetAsideStreams, IReadOnlyList<SetAsideAnswer> SetAside);

/// <summary>A stream whose views end before an event that could not be read or folded.</summary>
/// <param name="Revision">The event's revision in the stream.</param>
/// <param name="Position">The event's position in the log.</param>
/// <param name="Type">The event's wire name.</param>
/// <param name="Projections">The read models that leave out the event and what follows it in the stream.</param>
public sealed record SetAsideAnswer(
    string Stream, long Revision, ulong Position, Guid EventId, string Type, string Reason, DateTimeOffset Since,
    IReadOnlyList<string> Projections);

/// <summary>The state of one read model.</summary>
/// <param name="Position">The checkpoint, a position of the log.</param>
/// <param name="Lag">The seconds it is behind the log.</param>
/// <param name="State"><c>running</c>, <c>rebuilding</c>, <c>waiting</c> or <c>stopped</c>.</param>
public sealed record ProjectionAnswer(string Name, ulong Position, double Lag, string State, string? Detail);

/// <summary>A requested rebuild; <c>GET /v1/admin/projections</c> shows its progress.</summary>
public sealed record RebuildAnswer(string Name);
