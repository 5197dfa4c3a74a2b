using System.Net.WebSockets;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.RateLimits;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Handles <c>authenticate</c> on a socket that was welcomed: it lives on under the new token, also if that ends
/// sooner.
/// </summary>
internal sealed class TokenRenewal(IAccessTokens tokens, SocketRate rate)
{
    /// <exception cref="RefusedException">
    /// The token is not good, or too many such tokens came from the address.
    /// </exception>
    public async ValueTask HandleAsync(Connection connection, ClientFrame frame)
    {
        var check = await tokens.ValidateAsync(frame.AccessToken, CancellationToken.None);
        rate.TakeIfGuess(check, connection.Address);
        if (check.Principal is not { } principal)
            throw new RefusedException(check.Refusal!);
        if (principal.User != connection.User || principal.Device != connection.Device)
        {
            connection.Close(WebSocketCloseStatus.PolicyViolation, "the token is of another user or device");
            return;
        }

        connection.ExpiresAt = principal.ExpiresAt;
        connection.Send(FrameWriter.Authenticated(principal.ExpiresAt));
    }
}
