using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using MediatR;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>The lookup of contacts, and blocks.</summary>
public static class PeopleEndpoints
{
    public static RouteGroupBuilder MapPeople(this RouteGroupBuilder api)
    {
        var people = api.MapGroup("/v1").RequireAuthorization();
        people.MapPost("/contacts/lookup", LookUpAsync).AnswersWhenDurable().OffersFeature("contact_lookup");
        people.MapGet("/blocks", ListAsync);
        people.MapPut("/blocks/{user_id}", BlockAsync);
        people.MapDelete("/blocks/{user_id}", UnblockAsync);
        return api;
    }

    private static Task<LookUpContacts.Result> LookUpAsync(
        LookUpContacts.Body body, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new LookUpContacts.Query(caller.User, body), cancellationToken);

    private static Task<ListBlocks.Result> ListAsync(
        string? cursor, string? limit, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new ListBlocks.Query(caller.User, cursor, QueryValues.Int("limit", limit)), cancellationToken);

    private static async Task<IResult> BlockAsync(
        string user_id, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var blocked = await mediator.Send(
            new BlockUser.Command(caller.User, caller.Device, user_id), cancellationToken);
        return NoContent(response, blocked.Position);
    }

    private static async Task<IResult> UnblockAsync(
        string user_id, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var unblocked = await mediator.Send(
            new UnblockUser.Command(caller.User, caller.Device, user_id), cancellationToken);
        return NoContent(response, unblocked.Position);
    }

    private static IResult NoContent(HttpResponse response, LogPosition position)
    {
        response.SetPosition(position);
        return Results.NoContent();
    }
}
