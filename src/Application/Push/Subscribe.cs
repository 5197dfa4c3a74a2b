using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using FluentValidation.Results;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Push;

/// <summary>
/// Subscribes the caller's device to wake-ups for messages that arrive while no socket of the caller is open.
/// </summary>
public static class Subscribe
{
    /// <summary>The body of <c>POST /v1/push-subscriptions</c>.</summary>
    public sealed record Body
    {
        public string? Platform { get; init; }
        public string? Endpoint { get; init; }
        public Keys? Keys { get; init; }
        public string? Token { get; init; }
        public string? Topic { get; init; }
    }

    /// <summary>A browser's keys, from its <c>PushSubscription</c>.</summary>
    public sealed record Keys
    {
        public string? P256dh { get; init; }
        public string? Auth { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, Body Body) : IRequest<Result>;

    /// <param name="IsNew">False if the caller had the same subscription already.</param>
    public sealed record Result(Guid Subscription, string Platform, DateTimeOffset CreatedAt, bool IsNew);

    internal sealed class Validator : AbstractValidator<Command>
    {
        private const int EndpointMax = 2_048, TokenMax = 4_096, TopicMax = 255, PointSize = 65, SecretSize = 16;

        public Validator(IOptions<PushOptions> options)
        {
            RuleFor(c => c.Body.Platform).Must(PushPlatforms.Exists)
                .WithMessage($"must be one of {PushPlatforms.Names}.").OverridePropertyName("platform");
            When(c => c.Body.Platform == PushPlatforms.WebPush, () =>
            {
                RuleFor(c => c.Body.Endpoint).Must(url => IsEndpoint(url, options.Value.AllowPrivateEndpoints))
                    .WithMessage($"must be an https address of at most {EndpointMax} characters.")
                    .OverridePropertyName("endpoint");
                RuleFor(c => c.Body.Keys).Must(keys => IsPoint(keys?.P256dh))
                    .WithMessage("must be a public key on P-256, uncompressed, in base64url.")
                    .OverridePropertyName("keys.p256dh");
                RuleFor(c => c.Body.Keys).Must(keys => PushTarget.Decode(keys?.Auth)?.Length == SecretSize)
                    .WithMessage($"must be {SecretSize} bytes in base64url.").OverridePropertyName("keys.auth");
            });
            When(c => c.Body.Platform is PushPlatforms.Fcm or PushPlatforms.Apns, () =>
                RuleFor(c => c.Body.Token).Must(token => Fits(token, TokenMax, "-_:."))
                    .WithMessage($"must be a device's token, of at most {TokenMax} characters.")
                    .OverridePropertyName("token"));
            When(c => c.Body.Platform == PushPlatforms.Apns, () =>
                RuleFor(c => c.Body.Topic).Must(topic => Fits(topic, TopicMax, "-."))
                    .WithMessage("must be the application's id.").OverridePropertyName("topic"));
        }

        private static bool Fits(string? text, int max, string marks) =>
            text is { Length: > 0 } && text.Length <= max
            && text.All(c => char.IsAsciiLetterOrDigit(c) || marks.Contains(c, StringComparison.Ordinal));

        private static bool IsEndpoint(string? text, bool plain) =>
            text is { Length: <= EndpointMax } && Uri.TryCreate(text, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttps || (plain && url.Scheme == Uri.UriSchemeHttp))
            && url.UserInfo.Length == 0;

        private static bool IsPoint(string? text)
        {
            if (PushTarget.Decode(text) is not { Length: PointSize } point || point[0] != 4)
                return false;
            try
            {
                using var key = ECDiffieHellman.Create(new ECParameters
                {
                    Curve = ECCurve.NamedCurves.nistP256,
                    Q = new ECPoint { X = point[1..33], Y = point[33..] },
                });
                return true;
            }
            catch (CryptographicException)
            {
                return false; // The point is not on the curve.
            }
        }
    }

    internal sealed class Handler(
        IPushSubscriptions subscriptions, IPushAddresses addresses, IContentSealer sealer,
        IOptions<PushOptions> options, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var body = request.Body;
            if (body.Platform == PushPlatforms.WebPush
                && addresses.Judge(new Uri(body.Endpoint!)) is { } objection)
                throw new ValidationException([new ValidationFailure("endpoint", objection)]);
            var target = body.Platform == PushPlatforms.WebPush
                ? new PushTarget(body.Endpoint, body.Keys!.P256dh, body.Keys.Auth, null, null)
                : new PushTarget(null, null, null, body.Token, body.Platform == PushPlatforms.Apns ? body.Topic : null);
            var now = clock.GetUtcNow();
            var content = await sealer.SealAsync(
                PushTarget.ScopeOf(request.Caller), target.ToBytes(), cancellationToken);
            var (id, isNew) = await subscriptions.AddAsync(
                new PushSubscription(
                    Guid.CreateVersion7(now), request.Caller, request.Device, body.Platform!, content, now),
                target.AddressHash(body.Platform!), target.SecretHash(), options.Value.SubscriptionsMax,
                cancellationToken);
            return new Result(id, body.Platform!, now, isNew);
        }
    }
}
