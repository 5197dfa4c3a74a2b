using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Inbox;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Receipts;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;
using MediatR;
using Microsoft.AspNetCore.Mvc;

namespace ChatCqrs.WebApi.Conversations;

/// <summary><c>/v1/conversations</c>: the inbox, and the members, messages and receipts of a conversation.</summary>
public static class ConversationEndpoints
{
    public static RouteGroupBuilder MapConversations(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/v1/conversations").RequireAuthorization();
        group.MapPost("", StartAsync).OffersFeature("group_ids");
        group.MapGet("", ShowInboxAsync);
        group.MapGet("/{id}", ShowAsync);
        group.MapPatch("/{id}/settings", ChangeSettingsAsync);
        group.MapPatch("/{id}", ChangeAsync);
        group.MapGet("/{id}/members", ShowMembersAsync);
        group.MapPost("/{id}/members", AddMembersAsync);
        group.MapDelete("/{id}/members/{user_id}", RemoveMemberAsync);
        group.MapPut("/{id}/members/{user_id}/role", ChangeRoleAsync);
        group.MapGet("/{id}/messages", ShowMessagesAsync).OffersFeature("messages_at");
        group.MapGet("/{id}/timeline", ShowTimelineAsync);
        group.MapGet("/{id}/messages/{message_id}", ShowMessageAsync);
        group.MapPatch("/{id}/messages/{message_id}", EditMessageAsync);
        group.MapDelete("/{id}/messages/{message_id}", DeleteMessageAsync);
        group.MapPut("/{id}/messages/{message_id}/reaction", SetReactionAsync);
        group.MapDelete("/{id}/messages/{message_id}/reaction", ClearReactionAsync);
        group.MapPut("/{id}/messages/{message_id}/vote", SetVoteAsync).OffersFeature("poll_votes");
        group.MapDelete("/{id}/messages/{message_id}/vote", ClearVoteAsync);
        group.MapGet("/{id}/messages/{message_id}/receipts", ShowReceiptsAsync);
        group.MapPost("/{id}/receipts", AcknowledgeAsync);
        return api;
    }

    private static async Task<IResult> StartAsync(
        StartConversation.Body body, Caller caller, IMediator mediator, HttpResponse response,
        [FromServices] GroupMemberRate rate, CancellationToken cancellationToken)
    {
        if (body.Type == "group")
            rate.Take(caller.User, body.MemberIds?.Count ?? 0);
        var started = await mediator.Send(
            new StartConversation.Command(caller.User, caller.Device, body), cancellationToken);
        response.SetPosition(started.Position);
        var conversation = await mediator.Send(
            new GetConversation.Query(caller.User, started.Conversation), cancellationToken);
        return started.Created
            ? TypedResults.Created($"/v1/conversations/{started.Conversation}", conversation)
            : TypedResults.Ok(conversation);
    }

    private static Task<GetInbox.Result> ShowInboxAsync(
        string? cursor, string? limit, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new GetInbox.Query(caller.User, cursor, QueryValues.Int("limit", limit)), cancellationToken);

    private static Task<ConversationDetails> ShowAsync(
        string id, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new GetConversation.Query(caller.User, RouteIds.Conversation(id)), cancellationToken);

    private static async Task<SettingsAnswer> ChangeSettingsAsync(
        string id, ChangeSettings.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var changed = await mediator.Send(
            new ChangeSettings.Command(caller.User, caller.Device, RouteIds.Conversation(id), body), cancellationToken);
        response.SetPosition(changed.Position);
        return new SettingsAnswer(changed.Settings.MutedUntil, changed.Settings.Pinned, changed.Settings.Archived);
    }

    private static async Task<ConversationDetails> ChangeAsync(
        string id, ChangeConversation.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var conversation = RouteIds.Conversation(id);
        response.SetPosition(await mediator.Send(
            new ChangeConversation.Command(caller.User, caller.Device, conversation, body), cancellationToken));
        return await mediator.Send(new GetConversation.Query(caller.User, conversation), cancellationToken);
    }

    private static async Task<GetMembers.Result> AddMembersAsync(
        string id, AddMembers.Body body, Caller caller, IMediator mediator, HttpResponse response,
        [FromServices] GroupMemberRate rate, CancellationToken cancellationToken)
    {
        rate.Take(caller.User, body.UserIds?.Count ?? 0);
        var conversation = RouteIds.Conversation(id);
        response.SetPosition(await mediator.Send(
            new AddMembers.Command(caller.User, caller.Device, conversation, body), cancellationToken));
        return await mediator.Send(new GetMembers.Query(caller.User, conversation), cancellationToken);
    }

    private static async Task<IResult> RemoveMemberAsync(
        string id, string user_id, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        response.SetPosition(await mediator.Send(
            new RemoveMember.Command(caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Member(user_id)),
            cancellationToken));
        return TypedResults.NoContent();
    }

    private static async Task<IResult> ChangeRoleAsync(
        string id, string user_id, ChangeRole.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        response.SetPosition(await mediator.Send(
            new ChangeRole.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Member(user_id), body),
            cancellationToken));
        return TypedResults.NoContent();
    }

    private static async Task<MessageView> EditMessageAsync(
        string id, string message_id, EditMessage.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var edited = await mediator.Send(
            new EditMessage.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Message(message_id), body),
            cancellationToken);
        response.SetPosition(edited.Position);
        return edited.Message;
    }

    private static async Task<IResult> DeleteMessageAsync(
        string id, string message_id, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        response.SetPosition(await mediator.Send(
            new DeleteMessage.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Message(message_id)),
            cancellationToken));
        return TypedResults.NoContent();
    }

    private static async Task<IResult> SetReactionAsync(
        string id, string message_id, SetReaction.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        response.SetPosition(await mediator.Send(
            new SetReaction.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Message(message_id), body),
            cancellationToken));
        return TypedResults.NoContent();
    }

    private static async Task<IResult> ClearReactionAsync(
        string id, string message_id, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        response.SetPosition(await mediator.Send(
            new ClearReaction.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Message(message_id)),
            cancellationToken));
        return TypedResults.NoContent();
    }

    private static async Task<IResult> SetVoteAsync(
        string id, string message_id, SetVote.Body body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        response.SetPosition(await mediator.Send(
            new SetVote.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Message(message_id), body),
            cancellationToken));
        return TypedResults.NoContent();
    }

    private static async Task<IResult> ClearVoteAsync(
        string id, string message_id, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        response.SetPosition(await mediator.Send(
            new ClearVote.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), RouteIds.Message(message_id)),
            cancellationToken));
        return TypedResults.NoContent();
    }

    private static Task<GetMembers.Result> ShowMembersAsync(
        string id, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(new GetMembers.Query(caller.User, RouteIds.Conversation(id)), cancellationToken);

    private static Task<GetMessages.Result> ShowMessagesAsync(
        string id, string? before_seq, string? after_seq, string? at, string? cursor, string? limit, Caller caller,
        IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(
            new GetMessages.Query(
                caller.User, RouteIds.Conversation(id), QueryValues.Long("before_seq", before_seq),
                QueryValues.Long("after_seq", after_seq), at, cursor, QueryValues.Int("limit", limit)),
            cancellationToken);

    private static Task<GetTimeline.Result> ShowTimelineAsync(
        string id, string? after_seq, string? limit, Caller caller, IMediator mediator,
        CancellationToken cancellationToken) =>
        mediator.Send(
            new GetTimeline.Query(
                caller.User, RouteIds.Conversation(id), QueryValues.Long("after_seq", after_seq),
                QueryValues.Int("limit", limit)),
            cancellationToken);

    private static Task<MessageView> ShowMessageAsync(
        string id, string message_id, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(
            new GetMessage.Query(caller.User, RouteIds.Conversation(id), RouteIds.Message(message_id)),
            cancellationToken);

    private static Task<GetMessageReceipts.Result> ShowReceiptsAsync(
        string id, string message_id, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        mediator.Send(
            new GetMessageReceipts.Query(caller.User, RouteIds.Conversation(id), RouteIds.Message(message_id)),
            cancellationToken);

    private static async Task<IResult> AcknowledgeAsync(
        string id, ReceiptsBody body, Caller caller, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var position = await mediator.Send(
            new Acknowledge.Command(
                caller.User, caller.Device, RouteIds.Conversation(id), body.DeliveredSeq, body.ReadSeq),
            cancellationToken);
        response.SetPosition(position);
        return TypedResults.NoContent();
    }
}

/// <summary>
/// The body of <c>POST /v1/conversations/{id}/receipts</c>. Each watermark acknowledges all messages up to its seq.
/// </summary>
public sealed record ReceiptsBody
{
    public long? DeliveredSeq { get; init; }
    public long? ReadSeq { get; init; }
}

/// <summary>The caller's own settings of a conversation.</summary>
public sealed record SettingsAnswer(DateTimeOffset? MutedUntil, bool Pinned, bool Archived);
