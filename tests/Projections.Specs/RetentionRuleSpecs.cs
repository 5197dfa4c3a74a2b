using System.Collections.Immutable;
using ChatCqrs.Domain.Retention;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Projections.Specs;

/// <summary>Rules of shorter times say what shortening each message one after the other would.</summary>
public sealed class RetentionRuleSpecs
{
    [Fact]
    public void Lowering_the_days_again_and_again_leaves_one_rule()
    {
        ImmutableArray<RetentionRule> rules = [];
        for (var days = 90; days > 30; days--)
            rules = RetentionRules.Add(rules, Lowered(days, days - 1), seq: 10_000 + 90 - days, messages: 9_999);

        Assert.Equal(new RetentionRule(0, 10_059, 9_999, Days(90), Days(30)), Assert.Single(rules));
    }

    [Fact]
    public void A_lower_time_covers_what_was_lowered_before_though_messages_were_sent_in_between()
    {
        ImmutableArray<RetentionRule> rules = [];
        for (var seq = 1; seq <= 60; seq++)
            rules = RetentionRules.Add(rules, Lowered(90, 90 - seq), seq * 10, messages: seq * 9);

        Assert.Equal(new RetentionRule(0, 600, 540, Days(90), Days(30)), Assert.Single(rules));
    }

    [Fact]
    public void A_message_that_was_sent_after_a_lowering_keeps_its_longer_time()
    {
        var rules = RetentionRules.Add([], Lowered(30, 20), 10, messages: 10);
        rules = RetentionRules.Add(rules, Lowered(20, 10), 12, messages: 11);

        Assert.Equal(Days(10), Shown(rules, seq: 9, Days(30)));
        Assert.Equal(Days(10), Shown(rules, seq: 11, Days(20)));
        Assert.Equal(Days(30), Shown(rules, seq: 11, Days(30)));
    }

    [Fact]
    public void What_is_settled_is_not_shortened_again()
    {
        var timer = new Shortening(TimeSpan.FromDays(1), TimeSpan.FromHours(1));
        var rules = RetentionRules.Add(RetentionRules.Add([], timer, 5, 5), Lowered(30, 1), 6, messages: 5);

        Assert.Equal(Days(1), Shown(rules, seq: 3, Days(30))); // The timer came first, and did not hold for it.
        Assert.Equal(Days(1), Shown(RetentionRules.Settled(rules, before: 4), seq: 3, Days(1)));
        Assert.Equal(TimeSpan.FromHours(1), Shown(RetentionRules.Settled(rules, before: 4), seq: 4, Days(1)));
        Assert.Empty(RetentionRules.Settled(rules, before: 6));
    }

    [Fact]
    public void Over_random_changes_settled_at_random_they_agree_with_shortening_one_message_after_the_other()
    {
        var random = new Random(20_260_114);
        for (var round = 0; round < 2_000; round++)
        {
            ImmutableArray<RetentionRule> rules = [];
            var (rows, plain) = (new List<TimeSpan?>(), new List<TimeSpan?>()); // By seq; null for other entries.
            for (var step = 0; step < 30; step++)
            {
                switch (random.Next(4))
                {
                    case 0 or 1:
                        rows.Add(Days(random.Next(1, 9)));
                        plain.Add(rows[^1]);
                        break;
                    case 2:
                        var to = random.Next(1, 8);
                        var shortening = Lowered(random.Next(to + 1, 9), to);
                        var messages = rows.Count(row => row is not null);
                        rules = RetentionRules.Add(rules, shortening, rows.Count, messages);
                        for (var seq = 0; seq < plain.Count; seq++)
                        {
                            if (plain[seq] <= shortening.From && plain[seq] > shortening.To)
                                plain[seq] = shortening.To;
                        }

                        rows.Add(null);
                        plain.Add(null);
                        break;
                    default:
                        var before = random.Next(rows.Count + 1);
                        if (!rules.IsEmpty && before > rules.Min(rule => rule.FromSeq))
                            rules = Settle(rules, rows, before);
                        break;
                }
            }

            for (var seq = 0; seq < rows.Count; seq++)
                Assert.Equal(plain[seq], rows[seq] is { } kept ? Shown(rules, seq, kept) : null);
        }
    }

    /// <summary>What the sweep does: the rows take the shorter time, and the rules begin after them.</summary>
    private static ImmutableArray<RetentionRule> Settle(
        ImmutableArray<RetentionRule> rules, List<TimeSpan?> rows, int before)
    {
        for (var seq = 0; seq < before; seq++)
            rows[seq] = rows[seq] is { } kept ? Shown(rules, seq, kept) : null;
        return RetentionRules.Settled(rules, before);
    }

    /// <summary>What a list shows, as its SQL says it.</summary>
    private static TimeSpan Shown(ImmutableArray<RetentionRule> rules, long seq, TimeSpan kept) => rules
        .Where(rule => seq >= rule.FromSeq && seq < rule.BeforeSeq && kept <= rule.KeptFor && kept > rule.ShownFor)
        .Select(rule => rule.ShownFor).Append(kept).Min();

    private static Shortening Lowered(int from, int to) => new(Days(from), Days(to));

    private static TimeSpan Days(int days) => TimeSpan.FromDays(days);
}
