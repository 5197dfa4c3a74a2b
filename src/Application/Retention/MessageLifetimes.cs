using ChatCqrs.Domain;
using ChatCqrs.Domain.Retention;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Retention;

/// <summary>Computes when messages expire.</summary>
public sealed class MessageLifetimes(IOptions<RetentionOptions> options)
{
    /// <summary>The most conversations with a policy of their own to remember.</summary>
    private const int PoliciesMax = 20_000;

    private readonly RecentlyUsed<ConversationId, RetentionPolicy> _policies = new(PoliciesMax);

    /// <param name="sentAt">UTC.</param>
    /// <returns>UTC, to the millisecond.</returns>
    public DateTimeOffset ExpiryOf(DateTimeOffset sentAt, RetentionPolicy policy)
    {
        var from = DateTimeOffset.FromUnixTimeMilliseconds(sentAt.ToUnixTimeMilliseconds());
        var expiry = from.AddDays(DaysOf(policy));
        return policy.DisappearingSeconds is { } seconds && from.AddSeconds(seconds) < expiry
            ? from.AddSeconds(seconds)
            : expiry;
    }

    public int DaysOf(RetentionPolicy policy) => policy.Days ?? options.Value.Days;

    /// <summary>
    /// A conversation's likely policy: the last one noted. Only the conversation's state is authoritative.
    /// </summary>
    public RetentionPolicy Guess(ConversationId conversation) =>
        _policies.TryGet(conversation, out var policy) ? policy : RetentionPolicy.Default;

    /// <summary>Remembers a conversation's policy.</summary>
    public void Note(ConversationId conversation, RetentionPolicy policy)
    {
        if (policy == RetentionPolicy.Default)
            _policies.Remove(conversation);
        else
            _policies.Set(conversation, policy);
    }
}
