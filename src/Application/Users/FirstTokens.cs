using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Users;

/// <summary>Makes the first tokens of a device, whichever way it is signed in.</summary>
internal sealed class FirstTokens(
    RefreshTokens refreshTokens, AccessRoles roles, IAccessTokens accessTokens, IOptions<TokenOptions> tokens)
{
    /// <param name="phone">The key of the user's phone.</param>
    /// <param name="position">A position that includes the device.</param>
    public async ValueTask<IssuedTokens> IssueAsync(
        UserId user, DeviceId device, PhoneKey phone, LogPosition position, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var refreshToken = await refreshTokens.MakeAsync(device, cancellationToken);
        var granted = await roles.OfAsync(user, phone, cancellationToken);
        var answer = new SignedIn(
            user, device, accessTokens.Issue(user, device, granted, SignIn.FirstGeneration), refreshToken.Text,
            accessTokens.Lifetime, position);
        return new IssuedTokens(answer, refreshToken.Hash, now.AddDays(tokens.Value.RefreshDays));
    }
}

/// <summary>The first tokens of a device.</summary>
/// <param name="RefreshHash">The SHA-256 of the refresh token.</param>
/// <param name="RefreshExpiresAt">When the refresh token expires, UTC.</param>
internal sealed record IssuedTokens(SignedIn Answer, byte[] RefreshHash, DateTimeOffset RefreshExpiresAt);
