using ChatCqrs.Application.Erasure;
using ChatCqrs.Application.Export;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;
using MediatR;
using Microsoft.AspNetCore.Mvc;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>Registration, tokens, profiles and devices.</summary>
public static class AccountEndpoints
{
    /// <summary>The caching of the public keys: a new key is published for at least so long before it signs.</summary>
    private const string KeySetCaching = "public, max-age=300";

    public static RouteGroupBuilder MapAccounts(this RouteGroupBuilder api)
    {
        var anonymous = api.MapGroup("/v1");
        anonymous.MapPost("/registrations", StartAsync)
            .RequireRateLimiting(RateLimitConventions.Registrations).AnswersWhenDurable();
        anonymous.MapPost("/registrations/{registration_id}/verification", VerifyAsync)
            .RequireRateLimiting(RateLimitConventions.Verifications).OffersFeature("ephemeral_devices");
        anonymous.MapPost("/tokens/refresh", RefreshAsync)
            .RequireRateLimiting(RateLimitConventions.Verifications).AnswersWhenDurable()
            .OffersFeature("repeated_refresh");

        var users = api.MapGroup("/v1").RequireAuthorization();
        users.MapGet("/users/me", ShowOwnAsync);
        users.MapPatch("/users/me", ChangeAsync);
        users.MapDelete("/users/me", EraseAsync);
        users.MapGet("/users/me/export", ExportAsync).OffersFeature("account_export");
        users.MapGet("/users/{user_id}", ShowAsync);
        users.MapGet("/users", ShowManyAsync).OffersFeature("profile_lists");
        users.MapGet("/devices", ListAsync);
        users.MapDelete("/devices/{device_id}", RemoveAsync);
        return api;
    }

    /// <summary>Publishes the public keys of the access tokens, for other services that verify them.</summary>
    public static IEndpointConventionBuilder MapKeySet(this IEndpointRouteBuilder app) =>
        app.MapGet("/.well-known/jwks.json", ShowKeys);

    private static async Task<IResult> StartAsync(
        StartRegistration.Body body, IMediator mediator, HttpContext context, CancellationToken cancellationToken)
    {
        var started = await mediator.Send(
            new StartRegistration.Command(body, ClientAddress.Of(context).Value), cancellationToken);
        return Results.Json(
            new RegistrationAnswer(started.Registration, started.ExpiresAt, started.Code),
            statusCode: StatusCodes.Status202Accepted);
    }

    private static async Task<TokenAnswer> VerifyAsync(
        string registration_id, VerifyRegistration.Body body, IMediator mediator, HttpContext context,
        CancellationToken cancellationToken)
    {
        var signedIn = await mediator.Send(
            new VerifyRegistration.Command(registration_id, body, ClientAddress.Of(context).Value), cancellationToken);
        context.Response.SetPosition(signedIn.Position);
        return TokenAnswer.Of(signedIn);
    }

    private static async Task<TokenAnswer> RefreshAsync(
        RefreshAccess.Body body, IMediator mediator, CancellationToken cancellationToken) =>
        TokenAnswer.Of(await mediator.Send(new RefreshAccess.Command(body), cancellationToken));

    private static IResult ShowKeys(IAccessTokens tokens, HttpResponse response)
    {
        response.Headers.CacheControl = KeySetCaching;
        return Results.Bytes(tokens.KeySet, "application/json");
    }

    private static async Task<OwnProfileAnswer> ShowOwnAsync(
        Caller caller, IMediator mediator, CancellationToken cancellationToken)
    {
        var shown = await mediator.Send(new ShowProfile.Query(caller.User.ToString()), cancellationToken);
        return Own(shown.User, shown.Profile, shown.CreatedAt);
    }

    private static async Task<OwnProfileAnswer> ChangeAsync(
        Caller caller, ChangeProfile.Body body, IMediator mediator, HttpResponse response,
        [FromServices] ProfileRate rate, CancellationToken cancellationToken)
    {
        rate.Take(caller.User);
        var changed = await mediator.Send(
            new ChangeProfile.Command(caller.User, caller.Device, body), cancellationToken);
        response.SetPosition(changed.Position);
        return Own(changed.User, changed.Profile, changed.CreatedAt);
    }

    private static async Task<IResult> EraseAsync(
        Caller caller, IMediator mediator, HttpResponse response, CancellationToken cancellationToken)
    {
        var erased = await mediator.Send(new EraseAccount.Command(caller.User, caller.Device), cancellationToken);
        response.SetPosition(erased.Position);
        return Results.NoContent();
    }

    /// <summary>
    /// Streams the export. The headers are set with the first bytes, because the use case may refuse before it writes.
    /// </summary>
    private static async Task ExportAsync(
        Caller caller, IMediator mediator, HttpResponse response, [FromServices] ExportRate rate,
        CancellationToken cancellationToken)
    {
        var isHead = HttpMethods.IsHead(response.HttpContext.Request.Method);
        if (!isHead)
            rate.Take(caller.User);
        response.OnStarting(() =>
        {
            if (response.StatusCode == StatusCodes.Status200OK)
            {
                response.ContentType = "application/json";
                response.Headers.ContentDisposition = "attachment; filename=\"chatcqrs-export.json\"";
            }

            return Task.CompletedTask;
        });
        if (isHead)
            return; // Nobody would read the export.
        await mediator.Send(
            new ExportAccount.Query(caller.User, caller.Device, response.BodyWriter), cancellationToken);
    }

    private static async Task<PublicProfileAnswer> ShowAsync(
        string user_id, IMediator mediator, CancellationToken cancellationToken)
    {
        var shown = await mediator.Send(new ShowProfile.Query(user_id), cancellationToken);
        return PublicProfileAnswer.Of(shown.User, shown.Profile);
    }

    private static async Task<PublicProfilesAnswer> ShowManyAsync(
        string? ids, IMediator mediator, CancellationToken cancellationToken)
    {
        var shown = await mediator.Send(new ShowProfiles.Query(ids), cancellationToken);
        return new PublicProfilesAnswer([.. shown.Select(item => PublicProfileAnswer.Of(item.User, item.Profile))]);
    }

    private static async Task<DevicesAnswer> ListAsync(
        Caller caller, IMediator mediator, CancellationToken cancellationToken) =>
        DevicesAnswer.Of(await mediator.Send(new ListDevices.Query(caller.User, caller.Device), cancellationToken));

    private static async Task<IResult> RemoveAsync(
        Caller caller, string device_id, IMediator mediator, HttpResponse response, CancellationToken cancellationToken)
    {
        var removed = await mediator.Send(
            new RemoveDevice.Command(caller.User, caller.Device, device_id), cancellationToken);
        response.SetPosition(removed.Position);
        return Results.NoContent();
    }

    private static OwnProfileAnswer Own(UserId user, Profile profile, DateTimeOffset createdAt) =>
        new(user.Value, profile.Phone, profile.Name, profile.About, profile.Avatar, createdAt);
}
