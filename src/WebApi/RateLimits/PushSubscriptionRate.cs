using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>Limits the push subscriptions that a user makes or renews on this node.</summary>
internal sealed class PushSubscriptionRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    private readonly TokenBuckets<UserId>? _users =
        options.Value.Enabled ? new(options.Value.PushSubscriptions, clock) : null;

    /// <exception cref="RefusedException">The user has made too many.</exception>
    public void Take(UserId user)
    {
        var retryAfter = TimeSpan.Zero;
        if (_users?.TryTake(user, out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
