using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// Limits the people that a user puts into groups on this node. Each person counts, because each is a view to write,
/// an inbox that grows, and a socket that is told.
/// </summary>
internal sealed class GroupMemberRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    private readonly TokenBuckets<UserId>? _users =
        options.Value.Enabled ? new(options.Value.GroupMembers, clock) : null;

    /// <param name="people">
    /// Those whom the request names, at least 1; cut to the burst, so that a larger group is possible once in a while.
    /// </param>
    /// <exception cref="RefusedException">The user has added too many.</exception>
    public void Take(UserId user, int people)
    {
        var retryAfter = TimeSpan.Zero;
        var count = Math.Clamp(people, 1, options.Value.GroupMembers.Burst);
        if (_users?.TryTake(user, count, out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
