using ChatCqrs.Domain;
using ChatCqrs.Domain.Retention;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Messages;

/// <summary>How long messages are kept (section <c>Retention</c> of the configuration).</summary>
public sealed record RetentionOptions
{
    /// <summary>The most days for which anything is kept.</summary>
    public const int DaysMax = 3_650;

    /// <summary>The longest time after which messages disappear.</summary>
    public static readonly TimeSpan LongestTimer = TimeSpan.FromDays(90);

    /// <summary>Days from sending until the content is unreadable; 1 to <see cref="DaysMax"/>.</summary>
    public int Days { get; init; } = 30;

    /// <summary>The shortest time after which messages may be made to disappear; at least a second.</summary>
    public TimeSpan ShortestTimer { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often what is due is swept; one second to a day.</summary>
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether messages go as soon as every device of everyone who is to get them has them; one with files once everyone has read it.</summary>
    public bool DeleteWhenDelivered { get; init; }
}

/// <summary>When a message expires.</summary>
public sealed class Retention(IOptions<RetentionOptions> options)
{
    /// <summary>How many conversations with a policy of their own are remembered.</summary>
    private const int PoliciesMax = 20_000;

    private readonly RecentlyUsed<ConversationId, RetentionPolicy> _policies = new(PoliciesMax);

    /// <param name="sentAt">UTC.</param>
    /// <returns>UTC, to the millisecond.</returns>
    public DateTimeOffset ExpiryOf(DateTimeOffset sentAt, RetentionPolicy policy)
    {
        var from = DateTimeOffset.FromUnixTimeMilliseconds(sentAt.ToUnixTimeMilliseconds());
        var expiry = from.AddDays(DaysOf(policy));
        return policy.DisappearingSeconds is { } seconds && from.AddSeconds(seconds) < expiry ? from.AddSeconds(seconds) : expiry;
    }

    public int DaysOf(RetentionPolicy policy) => policy.Days ?? options.Value.Days;

    /// <summary>What a conversation most probably has: its own policy where it was seen to have one. The conversation's state is the truth.</summary>
    public RetentionPolicy Guess(ConversationId conversation) => _policies.TryGet(conversation, out var policy) ? policy : RetentionPolicy.Default;

    /// <summary>Takes note of what a conversation turned out to have.</summary>
    public void Note(ConversationId conversation, RetentionPolicy policy)
    {
        if (policy == RetentionPolicy.Default)
            _policies.Remove(conversation);
        else
            _policies.Set(conversation, policy);
    }
}
