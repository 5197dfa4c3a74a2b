using System.Collections.Immutable;
using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Projections.Timeline;

/// <summary>
/// A shorter time of a range of messages that is not in their rows yet: those that their rows keep for more than
/// <paramref name="ShownFor"/> and at most <paramref name="KeptFor"/> are shown for <paramref name="ShownFor"/>.
/// </summary>
/// <param name="FromSeq">The first seq of the range.</param>
/// <param name="BeforeSeq">The seq after the range.</param>
/// <param name="MessagesBefore">The number of the conversation's messages before <paramref name="BeforeSeq"/>.</param>
/// <param name="KeptFor">From sending, whole milliseconds.</param>
/// <param name="ShownFor">From sending, whole milliseconds; less than <paramref name="KeptFor"/>.</param>
public sealed record RetentionRule(
    long FromSeq, long BeforeSeq, long MessagesBefore, TimeSpan KeptFor, TimeSpan ShownFor);

/// <summary>
/// The rules of one conversation. Each speaks of the times in the rows, never of what another rule makes of them, so
/// their order does not matter: the shortest time counts.
/// </summary>
public static class RetentionRules
{
    /// <summary>
    /// Adds a shortening that follows the others: it shortens what they have made of the rows. Drops what it covers, so
    /// that lowering again and again leaves one rule, unless messages are sent in between.
    /// </summary>
    /// <param name="seq">The entry that shortens the times of all messages before it.</param>
    /// <param name="messages">The number of messages before that entry.</param>
    public static ImmutableArray<RetentionRule> Add(
        ImmutableArray<RetentionRule> rules, Shortening shortening, long seq, long messages)
    {
        var (from, to) = shortening;
        var next = rules
            .Where(rule => rule.KeptFor > from || rule.ShownFor < to) // The others are covered.
            .Select(rule => rule.ShownFor > to && rule.ShownFor <= from ? rule with { ShownFor = to } : rule)
            .ToImmutableArray();
        // A longer range without further messages, which shortens the same and more.
        var wider = next.FirstOrDefault(rule =>
            rule.FromSeq == 0 && rule.MessagesBefore == messages && rule.ShownFor == to && rule.KeptFor > from);
        return wider is null
            ? next.Add(new RetentionRule(0, seq, messages, from, to))
            : next.Replace(wider, wider with { BeforeSeq = seq });
    }

    /// <summary>What remains once the rows of all messages before a seq say their times themselves.</summary>
    public static ImmutableArray<RetentionRule> Settled(ImmutableArray<RetentionRule> rules, long before) =>
    [
        .. rules.Where(rule => rule.BeforeSeq > before)
            .Select(rule => rule.FromSeq < before ? rule with { FromSeq = before } : rule),
    ];
}
