using ChatCqrs.Application.Auditing;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using MediatR;

namespace ChatCqrs.WebApi.Auditing;

/// <summary>
/// <c>/v1/audit/conversations</c>: finding, reading, replaying and verifying, for the role
/// <see cref="RoleNames.Auditor"/>.
/// </summary>
public static class AuditReadingEndpoints
{
    /// <summary>JSON objects, one a line.</summary>
    public const string Lines = "application/x-ndjson";

    public static RouteGroupBuilder MapAuditReading(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/v1/audit/conversations").RequireAuthorization(RoleNames.Auditor);
        group.MapGet("", FindAsync).Audited("conversations");
        group.MapGet("/{id}/events", ShowEventsAsync).Audited("events");
        group.MapGet("/{id}/state", ShowStateAsync).Audited("state");
        group.MapGet("/{id}/replay", ReplayAsync).Audited("replay");
        group.MapGet("/{id}/verification", VerifyAsync).Audited("verification");
        return api;
    }

    private static async Task<FindConversations.Result> FindAsync(
        string? user_id, string? from, string? to, string? cursor, string? limit, HttpContext context,
        IMediator mediator, CancellationToken cancellationToken)
    {
        var found = await mediator.Send(
            new FindConversations.Query(user_id, from, to, cursor, QueryValues.Int("limit", limit)), cancellationToken);
        AuditedAnswer.Of(context).Entries = found.Conversations.Count;
        return found;
    }

    private static async Task<IResult> ShowEventsAsync(
        string id, string? after_seq, string? stream, string? cursor, string? limit, HttpContext context,
        IMediator mediator, CancellationToken cancellationToken)
    {
        var (conversation, answer) = (RouteIds.Conversation(id), AuditedAnswer.Of(context));
        var after = QueryValues.Long("after_seq", after_seq);
        if (!WantsLines(context.Request))
        {
            var page = await mediator.Send(
                new ReadEvents.Query(conversation, after, stream, cursor, QueryValues.Int("limit", limit)),
                cancellationToken);
            answer.Entries = page.Events.Count;
            return TypedResults.Ok(page);
        }

        SayLines(context.Response);
        await mediator.Send(
            new StreamEvents.Query(
                conversation, after, stream, IsHead(context), context.Response.BodyWriter, () => answer.Entries++),
            cancellationToken);
        return TypedResults.Empty;
    }

    private static async Task<AuditedState> ShowStateAsync(
        string id, string? as_of_seq, string? as_of, string? cursor, string? limit, string? matter,
        HttpContext context, IMediator mediator, CancellationToken cancellationToken)
    {
        var answer = AuditedAnswer.Of(context);
        var state = await mediator.Send(
            new ShowState.Query(
                RouteIds.Conversation(id), QueryValues.Long("as_of_seq", as_of_seq), as_of, cursor,
                QueryValues.Int("limit", limit), answer.Matter),
            cancellationToken);
        answer.Entries = state.Entries.Count;
        return state;
    }

    private static async Task ReplayAsync(
        string id, string? from_seq, string? to_seq, string? matter, HttpContext context, IMediator mediator,
        CancellationToken cancellationToken)
    {
        var answer = AuditedAnswer.Of(context);
        SayLines(context.Response);
        await mediator.Send(
            new ReplayConversation.Query(
                RouteIds.Conversation(id), QueryValues.Long("from_seq", from_seq), QueryValues.Long("to_seq", to_seq),
                answer.Matter, IsHead(context), context.Response.BodyWriter, () => answer.Entries++),
            cancellationToken);
    }

    private static async Task<VerifyConversation.Result> VerifyAsync(
        string id, Caller caller, HttpContext context, IMediator mediator, CancellationToken cancellationToken)
    {
        var verified = await mediator.Send(
            new VerifyConversation.Query(caller.User, RouteIds.Conversation(id)), cancellationToken);
        AuditedAnswer.Of(context).Entries = verified.Events;
        return verified;
    }

    private static bool WantsLines(HttpRequest request) =>
        request.GetTypedHeaders().Accept
            .Any(accepted => accepted.MediaType.Equals(Lines, StringComparison.OrdinalIgnoreCase));

    /// <summary>With the first bytes, since the use case may refuse before it writes any.</summary>
    private static void SayLines(HttpResponse response) => response.OnStarting(() =>
    {
        if (response.StatusCode == StatusCodes.Status200OK)
            response.ContentType = Lines;
        return Task.CompletedTask;
    });

    private static bool IsHead(HttpContext context) => HttpMethods.IsHead(context.Request.Method);
}
