using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// Limits the <c>typing</c> frames of a user on this node, also where <c>RateLimits:Enabled</c> is false: they are the
/// least important frames.
/// </summary>
internal sealed class TypingRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    private readonly TokenBuckets<UserId> _users = new(options.Value.Typing, clock);

    public bool TryTake(UserId user) => _users.TryTake(user, out _);
}
