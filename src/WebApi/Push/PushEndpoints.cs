using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;
using MediatR;
using Microsoft.AspNetCore.Mvc;

namespace ChatCqrs.WebApi.Push;

/// <summary><c>/v1/push-subscriptions</c> and <c>/v1/push</c>.</summary>
public static class PushEndpoints
{
    private const string Path = "/v1/push-subscriptions";

    public static RouteGroupBuilder MapPush(this RouteGroupBuilder api)
    {
        var group = api.MapGroup(Path).RequireAuthorization();
        group.MapPost("", SubscribeAsync).AnswersWhenDurable();
        group.MapGet("", ListAsync);
        group.MapGet("/{id}", ShowAsync);
        group.MapDelete("/{id}", UnsubscribeAsync).AnswersWhenDurable();
        api.MapGet("/v1/push/vapid-public-key", ShowKey).RequireAuthorization();
        return api;
    }

    private static async Task<IResult> SubscribeAsync(
        Subscribe.Body body, Caller caller, IMediator mediator, [FromServices] PushSubscriptionRate rate,
        CancellationToken cancellationToken)
    {
        rate.Take(caller.User);
        var result = await mediator.Send(new Subscribe.Command(caller.User, caller.Device, body), cancellationToken);
        var answer = new PushSubscriptionAnswer(
            result.Subscription, result.Platform, caller.Device.Value, result.CreatedAt);
        return result.IsNew ? TypedResults.Created($"{Path}/{result.Subscription}", answer) : TypedResults.Ok(answer);
    }

    private static async Task<PushSubscriptionsAnswer> ListAsync(
        Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        new([.. (await mediator.Send(new ListSubscriptions.Query(caller.User), cancellationToken)).Select(AnswerOf)]);

    private static async Task<PushSubscriptionAnswer> ShowAsync(
        string id, Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        (await mediator.Send(new ListSubscriptions.Query(caller.User), cancellationToken))
            .Where(subscription => subscription.Id.ToString() == id)
            .Select(AnswerOf)
            .SingleOrDefault() ?? throw new RefusedException(Refusal.SubscriptionUnknown);

    private static async Task<IResult> UnsubscribeAsync(
        string id, Caller caller, IMediator mediator, CancellationToken cancellationToken)
    {
        await mediator.Send(new Unsubscribe.Command(caller.User, id), cancellationToken);
        return TypedResults.NoContent();
    }

    private static VapidKeyAnswer ShowKey(IVapidKey key) =>
        new(key.PublicKey ?? throw new RefusedException(Refusal.WebPushUnavailable));

    private static PushSubscriptionAnswer AnswerOf(PushSubscription subscription) =>
        new(subscription.Id, subscription.Platform, subscription.Device.Value, subscription.CreatedAt);
}

/// <summary>A push subscription, without its endpoint, keys and token.</summary>
public sealed record PushSubscriptionAnswer(
    Guid SubscriptionId, string Platform, Guid DeviceId, DateTimeOffset CreatedAt);

/// <summary>The caller's subscriptions, oldest first.</summary>
public sealed record PushSubscriptionsAnswer(IReadOnlyList<PushSubscriptionAnswer> Subscriptions);

/// <summary>The server's public key for Web Push (RFC 8292).</summary>
/// <param name="PublicKey">
/// For a browser's <c>applicationServerKey</c>: an uncompressed P-256 point in base64url.
/// </param>
public sealed record VapidKeyAnswer(string PublicKey);
