using System.Threading.RateLimiting;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// How many sockets a user may have open on this node, how fast they may open them, and how often an address may try.
/// </summary>
/// <param name="requests">The limits of REST requests. A handshake is a request of its address like any other.</param>
internal sealed class SocketRate(
    IOptions<RateLimitOptions> options, IOptions<RateLimiterOptions> requests, TimeProvider clock)
{
    /// <summary>The <c>Retry-After</c> of a user with too many sockets: by then the dead ones are closed.</summary>
    private static readonly TimeSpan DeadAfter = TimeSpan.FromMinutes(2);

    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(options.Value.Sockets, clock) : null;

    private readonly TokenBuckets<ClientAddress>? _guesses =
        options.Value.Enabled ? new(options.Value.Verifications, clock) : null;

    /// <summary>Counts a handshake as a request of its address, before anything of it is looked at.</summary>
    /// <exception cref="RefusedException">Too many requests came from this address.</exception>
    public void TakeHandshake(HttpContext context)
    {
        if (_users is null || requests.Value.GlobalLimiter is not { } limiter)
            return;
        using var lease = limiter.AttemptAcquire(context);
        if (lease.IsAcquired)
            return;
        throw new RefusedException(
            Refusal.RateLimited,
            lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(1));
    }

    /// <summary>Counts a token that was missing or of nobody's making.</summary>
    /// <exception cref="RefusedException">Too many such tokens came from this address.</exception>
    public void TakeIfGuess(AccessCheck check, ClientAddress address)
    {
        if (check.Refusal != Refusal.Unauthenticated && check.Refusal != Refusal.TokenInvalid)
            return;
        var retryAfter = TimeSpan.Zero;
        if (_guesses?.TryTake(address, out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }

    /// <summary>Counts one more socket.</summary>
    /// <param name="open">The user's open sockets. Handshakes under way do not count; the bucket bounds them.</param>
    /// <exception cref="RefusedException">The user has too many sockets, or opens them too fast.</exception>
    public void Take(UserId user, int open)
    {
        if (_users is null)
            return;
        if (open >= options.Value.SocketsMax)
            throw new RefusedException(Refusal.RateLimited, DeadAfter);
        if (!_users.TryTake(user, out var retryAfter))
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
