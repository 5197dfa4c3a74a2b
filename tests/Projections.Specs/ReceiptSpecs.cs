using ChatCqrs.Domain;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;
using static ChatCqrs.Projections.Specs.Story;

namespace ChatCqrs.Projections.Specs;

/// <summary>The view of watermarks and their times.</summary>
public sealed class ReceiptSpecs
{
    private static readonly MemberKey BenInGroup = new(Group, Ben);

    [Fact]
    public void The_mark_of_a_user_is_the_highest_of_their_devices()
    {
        var view = Then(Delivered(Phone, 5), Delivered(Laptop, 3))!;

        Assert.Equal((5L, -1L), (view.DeliveredSeq, view.ReadSeq));
        Assert.Equal((5L, 3L), (view.Devices[Phone.Value], view.Devices[Laptop.Value]));
    }

    [Fact]
    public void Reading_is_delivery_to_the_device_it_is_read_on()
    {
        var view = Then(Delivered(Phone, 2), Read(Laptop, 4))!;

        Assert.Equal((4L, 4L), (view.DeliveredSeq, view.ReadSeq));
        Assert.Equal((2L, 4L), (view.Devices[Phone.Value], view.Devices[Laptop.Value]));
    }

    [Fact]
    public void Marks_never_fall()
    {
        var view = Then(Read(Phone, 7), Read(Laptop, 3), Delivered(Phone, 1))!;

        Assert.Equal((7L, 7L, 7L), (view.DeliveredSeq, view.ReadSeq, view.Devices[Phone.Value]));
    }

    [Fact]
    public void Each_rise_leaves_a_mark_with_its_time()
    {
        var marks = new List<ReceiptMark>();
        Folding<MemberKey, WatermarkView, WatermarksProjection>.Apply(
            new Story().Receipts(Group, Delivered(Phone, 1), Read(Phone, 3), Delivered(Laptop, 2)).Facts, [],
            (before, after, fact) => marks.AddRange(WatermarksProjection.Marks(before, after!, fact)));

        Assert.Equal(
            [
                new(BenInGroup, IsRead: false, 1, At(0)),
                new(BenInGroup, IsRead: false, 3, At(1)),
                new(BenInGroup, IsRead: true, 3, At(1)),
            ],
            marks);
    }

    private static WatermarkView? Then(params Func<DateTimeOffset, ReceiptEvent>[] events) =>
        new Story().Receipts(Group, events).Then<MemberKey, WatermarkView, WatermarksProjection>()[BenInGroup];

    private static Func<DateTimeOffset, ReceiptEvent> Delivered(DeviceId device, long seq) =>
        at => new ReceiptEvent.MessageDelivered(Ben, device, seq) { At = at };

    private static Func<DateTimeOffset, ReceiptEvent> Read(DeviceId device, long seq) =>
        at => new ReceiptEvent.MessageRead(Ben, device, seq) { At = at };
}
