using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>How many sockets a user may have open on this node, and how fast they may open them.</summary>
internal sealed class SocketRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    /// <summary>The <c>Retry-After</c> of a user with too many sockets: by then TCP has found the dead ones.</summary>
    private static readonly TimeSpan DeadAfter = TimeSpan.FromMinutes(2);

    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(options.Value.Sockets, clock) : null;

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
