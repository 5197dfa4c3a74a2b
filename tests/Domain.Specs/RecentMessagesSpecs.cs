using ChatCqrs.Domain.Messages;
using FsCheck.Xunit;

namespace ChatCqrs.Domain.Specs;

public sealed class RecentMessagesSpecs
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly UserId Ann = new(new Guid("00000000-0000-7000-8000-00000000000a"));
    private static readonly UserId Ben = new(new Guid("00000000-0000-7000-8000-00000000000b"));

    [Fact]
    public void The_time_of_a_version_7_id_is_read() =>
        Assert.Equal(Start, RecentMessages.MadeAt(new MessageId(Guid.CreateVersion7(Start))));

    [Fact]
    public void Other_versions_have_no_time() =>
        Assert.Null(RecentMessages.MadeAt(new MessageId(new Guid("11111111-1111-4111-8111-111111111111"))));

    [Fact]
    public void While_the_window_holds_everything_every_other_id_is_new() =>
        Assert.True(
            RecentMessages.None.ProvesNew(Ann, new MessageId(new Guid("11111111-1111-4111-8111-111111111111"))));

    [Fact]
    public void Old_messages_leave_the_window_once_it_is_large_enough()
    {
        var recent = Enumerable.Range(0, RecentMessages.WindowMin + 5).Aggregate(
            RecentMessages.None,
            (window, minute) => Accept(window, IdAt(Start.AddMinutes(minute), minute), Start.AddMinutes(minute)));

        Assert.Equal((RecentMessages.WindowMin, RecentMessages.WindowMin), (recent.Count, recent.ById.Count));
        Assert.False(recent.ProvesNew(Ann, IdAt(Start, 0)));
    }

    [Fact]
    public void The_window_is_bounded()
    {
        var recent = Enumerable.Range(0, RecentMessages.WindowMax + 1).Aggregate(
            RecentMessages.None, (window, number) => Accept(window, IdAt(Start, number), Start));

        Assert.Equal((RecentMessages.WindowMax, RecentMessages.WindowMax), (recent.Count, recent.ById.Count));
    }

    [Fact]
    public void An_id_from_the_future_is_not_taken_for_new_when_its_time_has_come()
    {
        var future = IdAt(Start.AddHours(1), 1);
        var recent = Accept(RecentMessages.None, future, Start);
        for (var minute = 1; minute <= 2 * RecentMessages.WindowMin; minute++)
            recent = Accept(recent, IdAt(Start.AddMinutes(minute), 100 + minute), Start.AddMinutes(minute));

        Assert.Null(recent.Find(Ann, future));
        Assert.False(recent.ProvesNew(Ann, future));
        Assert.False(recent.ProvesNew(Ann, IdAt(Start.AddMinutes(50), 7)));
        Assert.True(recent.ProvesNew(Ann, IdAt(Start.AddHours(1).AddMilliseconds(1), 8)));
    }

    [Fact]
    public void An_id_from_the_future_costs_nobody_but_its_sender()
    {
        var recent = Accept(RecentMessages.None, IdAt(Start.AddYears(70), 1), Start);
        for (var minute = 1; minute <= 2 * RecentMessages.WindowMin; minute++)
            recent = Accept(recent, IdAt(Start.AddMinutes(minute), 100 + minute), Start.AddMinutes(minute));

        Assert.False(recent.ProvesNew(Ann, IdAt(Start.AddHours(1), 7)));
        Assert.True(recent.ProvesNew(new UserId(Guid.NewGuid()), IdAt(Start.AddHours(1), 7)));
    }

    [Fact]
    public void An_id_from_the_future_is_nobodys_when_its_time_has_come()
    {
        var future = IdAt(Start.AddHours(1), 1);
        var recent = Accept(RecentMessages.None, future, Start);
        for (var minute = 1; minute <= 2 * RecentMessages.WindowMin; minute++)
            recent = Accept(recent, IdAt(Start.AddMinutes(minute), 100 + minute), Start.AddMinutes(minute));

        Assert.False(recent.ProvesNew(Ben, future));
        Assert.True(recent.ProvesNew(Ben, IdAt(Start.AddHours(1), 2)));
    }

    [Fact]
    public void Of_ids_from_the_future_that_are_too_many_those_made_first_are_a_horizon()
    {
        var made = Enumerable.Range(0, AheadIds.Max + 2).Select(n => IdAt(Start.AddMinutes(n), n)).ToList();
        var ahead = made.Aggregate(AheadIds.None, (ids, id) => ids.Add(id, since: Start.AddYears(-1)));

        Assert.Equal(AheadIds.Max, ahead.Ids.Count);
        Assert.Equal(Start.AddMinutes(1), ahead.Horizon);
        Assert.All(made, id => Assert.True(ahead.MayHold(id, RecentMessages.MadeAt(id)!.Value)));
        Assert.False(ahead.MayHold(IdAt(Start.AddMinutes(2), 999), Start.AddMinutes(2)));
    }

    [Fact]
    public void Ids_whose_time_has_passed_leave_room_for_others()
    {
        var ahead = Enumerable.Range(0, AheadIds.Max)
            .Aggregate(AheadIds.None, (ids, n) => ids.Add(IdAt(Start.AddMinutes(n), n), Start));

        ahead = ahead.Add(IdAt(Start.AddYears(1), 999), Start.AddMinutes(10));

        Assert.Equal(AheadIds.Max - 10 + 1, ahead.Ids.Count);
        Assert.Equal(DateTimeOffset.MinValue, ahead.Horizon);
    }

    [Fact]
    public void Messages_under_one_id_leave_the_window_one_after_another()
    {
        var same = IdAt(Start, 1);
        var recent = RecentMessages.None
            .Add(new AcceptedMessage(same, Ann, 1, Start, default))
            .Add(new AcceptedMessage(same, Ben, 2, Start, default));
        for (var n = 0; n < RecentMessages.WindowMin - 1; n++)
            recent = Accept(recent, IdAt(Start.AddMinutes(1), 10 + n), Start.AddMinutes(1));

        Assert.Equal(RecentMessages.WindowMin, recent.Count);
        Assert.Null(recent.Find(Ann, same));
        Assert.Equal(2, recent.Find(Ben, same)!.Seq);
        Assert.Null(Accept(recent, IdAt(Start.AddMinutes(1), 99), Start.AddMinutes(1)).Find(Ben, same));
    }

    [Fact]
    public void Messages_under_one_id_count_as_many()
    {
        var recent = Enumerable.Range(0, RecentMessages.WindowMax + 1).Aggregate(RecentMessages.None, (window, n) =>
            window.Add(new AcceptedMessage(IdAt(Start, 1), new UserId(IdAt(Start, n).Value), n, Start, default)));

        Assert.Equal(RecentMessages.WindowMax, recent.Count);
    }

    [Fact]
    public void More_wrong_clocks_than_are_kept_count_for_all()
    {
        var senders = Enumerable.Range(0, Horizons.SendersMax + 1).Select(_ => new UserId(Guid.NewGuid())).ToList();

        var horizons = senders.Index()
            .Aggregate(Horizons.None, (raised, sender) => raised.Raise(sender.Item, Start.AddDays(sender.Index)));

        Assert.Single(horizons.BySender);
        Assert.All(senders.Index(), sender => Assert.True(horizons.Of(sender.Item) >= Start.AddDays(sender.Index)));
        Assert.Equal(Start.AddDays(Horizons.SendersMax - 1), horizons.Of(new UserId(Guid.NewGuid())));
    }

    /// <summary>For any client clocks, an accepted id is in the window or not proved new.</summary>
    [Property(MaxTest = 300)]
    public bool Nothing_that_was_accepted_is_ever_proved_new((byte Gap, short Skew)[] messages)
    {
        var recent = RecentMessages.None;
        var now = Start;
        var accepted = new List<MessageId>();
        foreach (var (gap, skew) in messages.SelectMany(message => Enumerable.Repeat(message, 5)))
        {
            now = now.AddMilliseconds(gap * 20);
            var id = IdAt(now.AddMilliseconds(skew), accepted.Count);
            recent = Accept(recent, id, now);
            accepted.Add(id);
            if (accepted.Any(earlier => recent.Find(Ann, earlier) is null
                && (recent.ProvesNew(Ann, earlier) || recent.ProvesNew(Ben, earlier))))
                return false;
        }

        return true;
    }

    private static RecentMessages Accept(RecentMessages recent, MessageId id, DateTimeOffset at) =>
        recent.Add(new AcceptedMessage(id, Ann, 0, at, default));

    private static MessageId IdAt(DateTimeOffset made, int number)
    {
        Span<byte> bytes = stackalloc byte[16];
        Guid.CreateVersion7(made).TryWriteBytes(bytes, bigEndian: true, out _);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes[12..], number);
        return new MessageId(new Guid(bytes, bigEndian: true));
    }
}
