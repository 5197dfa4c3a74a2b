using System.Net;
using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.RateLimits;
using MediatR;
using Microsoft.AspNetCore.Mvc;

namespace ChatCqrs.WebApi.Accounts;

/// <summary>Links of new devices by QR code.</summary>
public static class DeviceLinkEndpoints
{
    /// <summary>The scheme of a link's secret in <c>Authorization</c>.</summary>
    private const string Scheme = "Link";

    public static RouteGroupBuilder MapDeviceLinks(this RouteGroupBuilder api)
    {
        var anonymous = api.MapGroup("/v1");
        anonymous.MapPost("/device-links", StartAsync)
            .RequireRateLimiting(RateLimitConventions.DeviceLinks).AnswersWhenDurable()
            .OffersFeature("device_links");
        anonymous.MapGet("/device-links/{link_id}", AwaitAsync)
            .RequireRateLimiting(RateLimitConventions.Verifications);

        var signedIn = api.MapGroup("/v1").RequireAuthorization();
        signedIn.MapGet("/device-links/{link_id}/request", ShowAsync);
        signedIn.MapPost("/device-links/{link_id}/approval", SettleAsync);
        return api;
    }

    private static async Task<IResult> StartAsync(
        StartDeviceLink.Body body, IMediator mediator, HttpContext context, CancellationToken cancellationToken)
    {
        var started = await mediator.Send(
            new StartDeviceLink.Command(
                body, ClientAddress.Of(context).Value, Shown(context.Connection.RemoteIpAddress)),
            cancellationToken);
        return Results.Json(
            new DeviceLinkAnswer(started.Link, started.Secret, started.ExpiresAt),
            statusCode: StatusCodes.Status201Created);
    }

    /// <summary>HEAD does not wait: nobody would read the answer.</summary>
    private static async Task<DeviceLinkStatusAnswer> AwaitAsync(
        string link_id, IMediator mediator, HttpContext context, [FromServices] LinkWaitPlaces waits,
        [FromServices] IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        context.Response.OnStarting(() =>
        {
            if (context.Response.StatusCode == StatusCodes.Status401Unauthorized)
                context.Response.Headers.WWWAuthenticate = Scheme;
            return Task.CompletedTask;
        });
        using var place = waits.Take(ClientAddress.Of(context));
        var stopping = HttpMethods.IsHead(context.Request.Method)
            ? new CancellationToken(canceled: true)
            : lifetime.ApplicationStopping;
        var result = await mediator.Send(
            new AwaitDeviceLink.Query(link_id, SecretOf(context.Request), stopping), cancellationToken);
        if (result.SignedIn is { } signedIn)
            context.Response.SetPosition(signedIn.Position);
        return DeviceLinkStatusAnswer.Of(result);
    }

    private static async Task<DeviceLinkRequestAnswer> ShowAsync(
        string link_id, IMediator mediator, CancellationToken cancellationToken)
    {
        var shown = await mediator.Send(new ShowDeviceLink.Query(link_id), cancellationToken);
        return new DeviceLinkRequestAnswer(
            new LinkedDeviceAnswer(shown.Name, shown.Platform, shown.Ephemeral), shown.Address, shown.RequestedAt,
            shown.PublicKey);
    }

    private static async Task<IResult> SettleAsync(
        Caller caller, string link_id, SettleDeviceLink.Body body, IMediator mediator, HttpResponse response,
        CancellationToken cancellationToken)
    {
        var settled = await mediator.Send(
            new SettleDeviceLink.Command(caller.User, caller.Device, link_id, body), cancellationToken);
        if (settled.Position != LogPosition.Start)
            response.SetPosition(settled.Position);
        return Results.NoContent();
    }

    private static string? SecretOf(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme + " ", StringComparison.OrdinalIgnoreCase)
            ? header[(Scheme.Length + 1)..].Trim()
            : null;
    }

    private static string? Shown(IPAddress? address) =>
        (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address)?.ToString();
}
