using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Exchanges a refresh token for new tokens. Until one of the new tokens was used, the same exchange again answers with
/// the same refresh token, because an answer may be lost; from then on reuse signs the device out.
/// </summary>
public static class RefreshAccess
{
    internal const int TokenMax = 1_000;

    /// <summary>The body of <c>POST /v1/tokens/refresh</c>.</summary>
    public sealed record Body
    {
        public string? RefreshToken { get; init; }
    }

    public sealed record Command(Body Body) : IRequest<SignedIn>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() =>
            RuleFor(c => c.Body.RefreshToken).Must(token => token is { Length: > 0 and <= TokenMax })
                .WithMessage("must be a refresh token.").OverridePropertyName("refresh_token");
    }

    internal sealed class Handler(
        IDeviceSessions sessions, RefreshTokens refreshTokens, AccessRoles roles, IAccessTokens accessTokens,
        IOptions<TokenOptions> tokens, TimeProvider clock) : IRequestHandler<Command, SignedIn>
    {
        public async Task<SignedIn> Handle(Command request, CancellationToken cancellationToken)
        {
            if (await refreshTokens.ReadAsync(request.Body.RefreshToken!, cancellationToken) is not { } old)
                throw new RefusedException(Refusal.RefreshTokenInvalid);

            var next = await refreshTokens.SuccessorAsync(old, cancellationToken);
            var now = clock.GetUtcNow();
            var outcome = await sessions.RotateAsync(
                new Rotation(old.Device, old.Hash, next.Hash, now, now.AddDays(tokens.Value.RefreshDays)),
                cancellationToken);
            if (outcome is not RotationOutcome.Rotated rotated)
            {
                throw new RefusedException(
                    outcome is RotationOutcome.Reused ? Refusal.RefreshTokenReused : Refusal.RefreshTokenInvalid);
            }

            var granted = await roles.OfAsync(rotated.User, rotated.Phone, cancellationToken);
            return new SignedIn(
                rotated.User, next.Device,
                accessTokens.Issue(rotated.User, next.Device, granted, rotated.Generation), next.Text,
                accessTokens.Lifetime, LogPosition.Start);
        }
    }
}
