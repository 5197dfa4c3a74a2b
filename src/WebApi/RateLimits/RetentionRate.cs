using ChatCqrs.Application;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// Limits the changes of a conversation's retention on this node, whoever makes them: each is an entry for all members,
/// and a shorter time is work for the sweep over all earlier messages.
/// </summary>
internal sealed class RetentionRate(IOptions<RateLimitOptions> options, TimeProvider clock) : IRetentionRate
{
    private readonly TokenBuckets<ConversationId>? _conversations =
        options.Value.Enabled ? new(options.Value.RetentionChanges, clock) : null;

    public void Take(ConversationId conversation)
    {
        var retryAfter = TimeSpan.Zero;
        if (_conversations?.TryTake(conversation, out retryAfter) is false)
            throw new RefusedException(Refusal.RateLimited, retryAfter);
    }
}
