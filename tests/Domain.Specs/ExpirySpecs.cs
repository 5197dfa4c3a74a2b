using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Retention;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;
using static ChatCqrs.Domain.Specs.Scene;

namespace ChatCqrs.Domain.Specs;

/// <summary>Expiry of three due messages, at seqs 1 to 3.</summary>
public sealed class ExpirySpecs
{
    private static readonly ConversationEvent[] Before = [Started(Ann, Ben), Sent(1, Ann), Sent(2, Ben), Sent(3, Ann)];
    private static readonly ExpiredMessage One = new(Id(1), 1), Two = new(Id(2), 2), Three = new(Id(3), 3);

    [Fact]
    public void They_go_in_one_entry_in_the_order_of_their_seqs() =>
        Given(Before).When(Expire(3, Three, One, Three)).Then(Expired(One, Three));

    [Fact]
    public void Due_messages_from_a_view_that_missed_the_last_expiry_do_not_expire_twice()
    {
        var scene = Given([.. Before, Expired(One, Two)]);

        scene.When(Expire(3, One, Two)).ThenNothing();
        scene.When(Expire(4, Three)).Then(Expired(Three));
        Assert.Equal(4, scene.State.LastExpirySeq);
    }

    [Fact]
    public void Other_entries_that_a_view_has_not_seen_do_not_matter() =>
        Given([.. Before, Sent(4, Ben), Kept(Ann, days: 1)]).When(Expire(3, One)).Then(Expired(One));

    [Fact]
    public void Many_go_in_several_entries()
    {
        ConversationEvent[] many = [Started(Ann, Ben), .. Enumerable.Range(1, 1_200).Select(n => Sent(n, Ann))];
        var all = Enumerable.Range(1, 1_200).Select(n => new ExpiredMessage(Id(n), n)).ToArray();

        Given(many).When(Expire(1_200, all)).Then(Expired(all[..500]), Expired(all[500..1_000]), Expired(all[1_000..]));
    }

    [Fact]
    public void Nothing_goes_from_where_nothing_is()
    {
        Given().When(Expire(3, One)).ThenNothing();
        Given(Before).When(Expire(3)).ThenNothing();
        Given(Before).When(Expire(3, new ExpiredMessage(Id(9), 9))).ThenNothing();
    }

    [Fact]
    public void A_retry_of_an_expired_message_is_recognised() =>
        Given([.. Before, Expired(One)]).When(Send(1, Ann)).ThenNothing();

    [Theory]
    [InlineData(null, null, null, 3_600, null)] // A new timer applies to later messages only.
    [InlineData(null, 7_200, null, 3_600, "02:00:00>01:00:00")]
    [InlineData(null, 3_600, null, 7_200, null)]
    [InlineData(null, 3_600, null, null, null)]
    [InlineData(null, null, 7, null, "30.00:00:00>7.00:00:00")]
    [InlineData(7, null, null, null, null)]
    [InlineData(60, 7_200, null, 3_600, "02:00:00>01:00:00 60.00:00:00>30.00:00:00")]
    public void A_shorter_time_holds_for_earlier_messages_of_its_kind(
        int? days, int? seconds, int? newDays, int? newSeconds, string? shortened)
    {
        var outcome = Given([.. Before, Kept(Ann, days, seconds)])
            .When(new ChangeRetention(Ben, new RetentionPolicy(newDays, newSeconds), DefaultDays: 30));

        var changed = (RetentionChanged)Assert.Single(outcome.Events);
        Assert.Equal(
            shortened,
            changed.Shortened is null
                ? null
                : string.Join(' ', changed.Shortened.Select(each => $"{each.From}>{each.To}")));
    }

    private static ExpireMessages Expire(long asOf, params ExpiredMessage[] messages) =>
        new(messages, ExpiryReason.Expired, asOf);

    private static MessagesExpired Expired(params ExpiredMessage[] messages) =>
        new([.. messages], ExpiryReason.Expired) { At = Now };
}
