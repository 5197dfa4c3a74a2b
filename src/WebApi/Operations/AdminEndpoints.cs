using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;

namespace ChatCqrs.WebApi.Operations;

/// <summary><c>/v1/admin</c>: the projections, for the role <see cref="RoleNames.Admin"/>.</summary>
public static class AdminEndpoints
{
    internal static readonly Refusal ProjectionUnknown = new(
        RefusalKind.Unknown, "projection_unknown", "There is no projection of this name.");

    public static RouteGroupBuilder MapAdministration(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/v1/admin").RequireAuthorization(RoleNames.Admin);
        group.MapGet("/projections", ShowAsync);
        group.MapPost("/projections/{name}/rebuild", RebuildAsync);
        return api;
    }

    private static async Task<ProjectionsAnswer> ShowAsync(
        IProjections projections, CancellationToken cancellationToken)
    {
        var states = await projections.StatesAsync(cancellationToken);
        return new ProjectionsAnswer([.. states.Select(state => new ProjectionAnswer(
            state.Name, state.Position.Value, state.LagSeconds, state.State, state.Detail))]);
    }

    private static async Task<IResult> RebuildAsync(
        string name, IProjections projections, CancellationToken cancellationToken) =>
        await projections.RebuildAsync(name, cancellationToken)
            ? TypedResults.Json(new RebuildAnswer(name), statusCode: StatusCodes.Status202Accepted)
            : throw new RefusedException(ProjectionUnknown);
}

/// <summary>The state of each read model.</summary>
public sealed record ProjectionsAnswer(IReadOnlyList<ProjectionAnswer> Projections);

/// <summary>The state of one read model.</summary>
/// <param name="Position">The checkpoint, a position of the log.</param>
/// <param name="Lag">The seconds it is behind the log.</param>
/// <param name="State"><c>running</c>, <c>rebuilding</c>, <c>waiting</c> or <c>stopped</c>.</param>
public sealed record ProjectionAnswer(string Name, ulong Position, double Lag, string State, string? Detail);

/// <summary>A requested rebuild; <c>GET /v1/admin/projections</c> shows its progress.</summary>
public sealed record RebuildAnswer(string Name);
