using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>How many sockets a user may have open on this node, and how fast they may open them.</summary>
internal sealed class SocketRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    /// <summary>When to come again with too many open: by then TCP has found those whose peer is gone.</summary>
    private static readonly TimeSpan DeadAfter = TimeSpan.FromMinutes(2);

    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(options.Value.Sockets, clock) : null;

    /// <param name="open">How many the user has. Those that are being opened at the same moment do not count: the bucket bounds them.</param>
    /// <exception cref="RefusedException">The user has too many, or opens them too fast.</exception>
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
