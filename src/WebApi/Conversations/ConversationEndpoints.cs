using ChatCqrs.Application.Receipts;
using ChatCqrs.WebApi.Accounts;
using ChatCqrs.WebApi.Http;
using MediatR;

namespace ChatCqrs.WebApi.Conversations;

/// <summary><c>/v1/conversations</c>: starting, showing and acknowledging.</summary>
public static class ConversationEndpoints
{
    public static RouteGroupBuilder MapConversations(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/v1/conversations").RequireAuthorization();
        group.MapPost("/{id}/receipts", AcknowledgeAsync);
        return api;
    }

    private static async Task<IResult> AcknowledgeAsync(
        string id, ReceiptsBody body, Caller caller, IMediator mediator, HttpResponse response, CancellationToken cancellationToken)
    {
        var position = await mediator.Send(
            new Acknowledge.Command(caller.User, caller.Device, RouteIds.Conversation(id), body.DeliveredSeq, body.ReadSeq), cancellationToken);
        response.SetPosition(position);
        return TypedResults.NoContent();
    }
}

/// <summary>The body of <c>POST /v1/conversations/{id}/receipts</c>: everything up to that seq.</summary>
public sealed record ReceiptsBody
{
    public long? DeliveredSeq { get; init; }
    public long? ReadSeq { get; init; }
}
