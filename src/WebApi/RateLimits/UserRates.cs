using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>Limits how often a user does something on this node.</summary>
/// <param name="of">The limit among the options.</param>
internal abstract class UserRate(
    IOptions<RateLimitOptions> options, Func<RateLimitOptions, RateLimitOptions.Bucket> of, TimeProvider clock)
{
    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(of(options.Value), clock) : null;

    /// <exception cref="RefusedException">The user has done it too often.</exception>
    public void Take(UserId user)
    {
        var retryAfter = TimeSpan.Zero;
        if (_users?.TryTake(user, out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}

/// <summary>Limits data exports.</summary>
internal sealed class ExportRate(IOptions<RateLimitOptions> options, TimeProvider clock)
    : UserRate(options, limits => limits.Exports, clock);

/// <summary>Limits changes of a profile: each is shown to everybody who shares a conversation with the user.</summary>
internal sealed class ProfileRate(IOptions<RateLimitOptions> options, TimeProvider clock)
    : UserRate(options, limits => limits.ProfileChanges, clock);

/// <summary>Limits push subscriptions that are made or renewed.</summary>
internal sealed class PushSubscriptionRate(IOptions<RateLimitOptions> options, TimeProvider clock)
    : UserRate(options, limits => limits.PushSubscriptions, clock);
