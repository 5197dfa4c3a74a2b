using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// Limits how often a user changes their profile on this node: each change is shown to everybody who shares a
/// conversation with them.
/// </summary>
internal sealed class ProfileRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    private readonly TokenBuckets<UserId>? _users =
        options.Value.Enabled ? new(options.Value.ProfileChanges, clock) : null;

    /// <exception cref="RefusedException">The user has changed it too often.</exception>
    public void Take(UserId user)
    {
        var retryAfter = TimeSpan.Zero;
        if (_users?.TryTake(user, out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
