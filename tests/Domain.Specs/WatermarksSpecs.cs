using ChatCqrs.Domain.Receipts;
using FsCheck.Xunit;
using static ChatCqrs.Domain.Receipts.ReceiptCommand;
using static ChatCqrs.Domain.Receipts.ReceiptEvent;

namespace ChatCqrs.Domain.Specs;

public sealed class WatermarksSpecs
{
    private const long LastSeq = 20;
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly UserId Ben = new(new Guid("00000000-0000-7000-8000-00000000000b"));
    private static readonly DeviceId Phone = new(new Guid("00000000-0000-7000-8000-0000000000d1"));
    private static readonly DeviceId Laptop = new(new Guid("00000000-0000-7000-8000-0000000000d2"));

    [Fact]
    public void A_higher_seq_is_recorded() =>
        Assert.Equal(
            [new MessageDelivered(Ben, Phone, 3) { At = Now }], Decide(Watermarks.None, new Deliver(Ben, Phone, 3)));

    [Fact]
    public void A_lower_or_equal_seq_changes_nothing()
    {
        var state = After(new MessageDelivered(Ben, Phone, 3) { At = Now });

        Assert.Empty(Decide(state, new Deliver(Ben, Phone, 3)));
        Assert.Empty(Decide(state, new Deliver(Ben, Phone, 2)));
    }

    [Fact]
    public void A_seq_that_the_conversation_does_not_have_is_refused()
    {
        var refused = Assert.Throws<RefusedException>(
            () => Decide(Watermarks.None, new Deliver(Ben, Phone, LastSeq + 1)));
        Assert.Equal(Refusal.SeqBeyondEnd, refused.Refusal);
    }

    [Fact]
    public void Reading_implies_delivery()
    {
        var state = After(new MessageRead(Ben, Phone, 5) { At = Now });

        Assert.Equal((5, 5, 5), (state.Of(Ben).Read, state.Of(Ben).Delivered, state.Of(Ben).DeliveredTo(Phone)));
        Assert.Empty(Decide(state, new Deliver(Ben, Phone, 5)));
    }

    [Fact]
    public void Each_device_has_its_own_confirmations()
    {
        var state = After(new MessageDelivered(Ben, Phone, 5) { At = Now });

        Assert.Equal(-1, state.Of(Ben).DeliveredTo(Laptop));
        Assert.Equal([new MessageDelivered(Ben, Laptop, 2) { At = Now }], Decide(state, new Deliver(Ben, Laptop, 2)));
    }

    [Fact]
    public void A_read_on_one_device_leaves_the_delivery_to_another_to_be_recorded()
    {
        var state = After(new MessageRead(Ben, Phone, 5) { At = Now });

        Assert.Equal([new MessageDelivered(Ben, Laptop, 5) { At = Now }], Decide(state, new Read(Ben, Laptop, 5)));
    }

    [Fact]
    public void Reading_less_than_the_device_holds_takes_nothing_back()
    {
        var state = After(
            new MessageDelivered(Ben, Phone, 5) { At = Now }, new MessageRead(Ben, Phone, 3) { At = Now });

        Assert.Equal((3, 5, 5), (state.Of(Ben).Read, state.Of(Ben).Delivered, state.Of(Ben).DeliveredTo(Phone)));
    }

    [Property]
    public bool Watermarks_only_rise((bool Read, bool OnPhone, byte Seq)[] acknowledgements)
    {
        var state = Watermarks.None;
        foreach (var (read, onPhone, seq) in acknowledgements)
        {
            var before = state.Of(Ben);
            var device = onPhone ? Phone : Laptop;
            var upTo = seq % (LastSeq + 1);
            ReceiptCommand command = read ? new Read(Ben, device, upTo) : new Deliver(Ben, device, upTo);
            state = Decide(state, command).Aggregate(state, Watermarks.Evolve);
            var after = state.Of(Ben);
            if (after.Read < before.Read || after.Delivered < before.Delivered || after.Delivered < after.Read
                || after.DeliveredTo(device) < upTo || after.DeliveredTo(device) < before.DeliveredTo(device)
                || (read && after.Read < upTo))
                return false;
        }

        return true;
    }

    private static IReadOnlyList<ReceiptEvent> Decide(Watermarks state, ReceiptCommand command) =>
        Watermarks.Decide(state, command, LastSeq, Now);

    private static Watermarks After(params ReceiptEvent[] events) =>
        events.Aggregate(Watermarks.None, Watermarks.Evolve);
}
