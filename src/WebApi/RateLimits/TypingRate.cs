using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>How often a user may say on this node that they are typing. Limits or none: it is the least important of all frames.</summary>
internal sealed class TypingRate(IOptions<RateLimitOptions> options, TimeProvider clock)
{
    private readonly TokenBuckets<UserId> _users = new(options.Value.Typing, clock);

    public bool TryTake(UserId user) => _users.TryTake(user, out _);
}
