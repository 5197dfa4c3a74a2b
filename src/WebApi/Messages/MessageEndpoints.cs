using ChatCqrs.Application.Messages;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using MediatR;

namespace ChatCqrs.WebApi.Messages;

/// <summary><c>/v1/messages</c> and its alias <c>/messages</c>.</summary>
public static class MessageEndpoints
{
    public static RouteGroupBuilder MapMessages(this RouteGroupBuilder api)
    {
        foreach (var path in new[] { "/v1/messages", "/messages" })
        {
            var group = api.MapGroup(path).RequireAuthorization();
            group.MapPost("", SendAsync).AnswersWhenDurable();
            group.MapGet("", ShowUnreadAsync);
        }

        return api;
    }

    private static Task<GetUnread.Result> ShowUnreadAsync(
        string? user_id, string? cursor, string? limit, Caller caller, IMediator mediator,
        CancellationToken cancellationToken) =>
        mediator.Send(
            new GetUnread.Query(caller.User, user_id, cursor, QueryValues.Int("limit", limit)), cancellationToken);

    private static async Task<IResult> SendAsync(
        SendMessage.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var sent = await mediator.Send(new SendMessage.Command(caller.User, caller.Device, body), cancellationToken);
        response.SetPosition(sent.Position);
        var answer = new SentAnswer(sent.Message.Value, sent.Conversation.Value, sent.Seq, sent.SentAt);
        return TypedResults.Json(
            answer, statusCode: sent.Duplicate ? StatusCodes.Status200OK : StatusCodes.Status201Created);
    }
}

/// <summary>The place of an accepted message in its conversation.</summary>
public sealed record SentAnswer(Guid MessageId, Guid ConversationId, long Seq, DateTimeOffset SentAt);
