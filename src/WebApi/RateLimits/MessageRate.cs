using ChatCqrs.Application;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <inheritdoc cref="IMessageRate"/>
internal sealed class MessageRate(IOptions<RateLimitOptions> options, TimeProvider clock) : IMessageRate
{
    private readonly TokenBuckets<UserId>? _users = options.Value.Enabled ? new(options.Value.Frames, clock) : null;

    public bool TryTake(UserId user, out TimeSpan retryAfter)
    {
        retryAfter = TimeSpan.Zero;
        return _users is null || _users.TryTake(user, out retryAfter);
    }

    public bool TryTakeMore(UserId user, int count, out TimeSpan retryAfter)
    {
        retryAfter = TimeSpan.Zero;
        var most = options.Value.Frames.Burst - 1; // The frame itself took one token.
        return _users is null || _users.TryTake(user, Math.Min(count, most), out retryAfter);
    }
}
