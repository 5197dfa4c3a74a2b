using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Timeline;

namespace ChatCqrs.Application.Specs.Messages;

/// <summary>A message's status is what holds for every recipient who is still there.</summary>
public sealed class StatusSpecs
{
    private const long Seq = 5;

    private static readonly ConversationId Group = new(Guid.CreateVersion7());
    private static readonly UserId Ann = new(Guid.CreateVersion7());

    private static readonly TimelineEntry Message =
        new(Group, Seq, TimelineEntry.MessageKind, DateTimeOffset.UnixEpoch, Ann, null, null);

    [Fact]
    public void It_holds_for_every_recipient()
    {
        Assert.Equal("sent", StatusOf(Present(read: 5), Present()));
        Assert.Equal("delivered", StatusOf(Present(read: 5), Present(delivered: 7)));
        Assert.Equal("read", StatusOf(Present(read: 5), Present(read: 9)));
        Assert.Equal("sent", StatusOf());
    }

    [Fact]
    public void Who_left_unread_does_not_hold_it_back()
    {
        Assert.Equal("read", StatusOf(Present(read: 5), Left()));
        Assert.Equal("delivered", StatusOf(Present(delivered: 5), Left()));
        Assert.Equal("sent", StatusOf(Present(), Left(read: 9)));
    }

    [Fact]
    public void Who_came_back_does_not_see_the_message_and_does_not_count()
    {
        Stay[] stays = [new(0, 6), new(8, null)];
        Assert.Equal("read", StatusOf(Present(read: 5), Member(stays, delivered: -1, read: -1)));
    }

    [Fact]
    public void Once_every_recipient_has_left_it_is_what_they_left_behind()
    {
        Assert.Equal("read", StatusOf(Left(read: 5), Left(read: 5)));
        Assert.Equal("delivered", StatusOf(Left(read: 5), Left(delivered: 5)));
        Assert.Equal("sent", StatusOf(Left(), Left(read: 5)));
    }

    [Fact]
    public void Who_joined_later_does_not_count() =>
        Assert.Equal("read", StatusOf(Present(read: 5), Member([new(6, null)], delivered: -1, read: -1)));

    private static string StatusOf(params MemberReceipts[] recipients) => MessageViews.StatusOf(
        Message, [new MemberReceipts(Group, Ann, [new Stay(0, null)], -1, -1), .. recipients]);

    private static MemberReceipts Present(long delivered = -1, long read = -1) =>
        Member([new Stay(0, null)], delivered, read);

    private static MemberReceipts Left(long delivered = -1, long read = -1) =>
        Member([new Stay(0, 9)], delivered, read);

    private static MemberReceipts Member(Stay[] stays, long delivered, long read) =>
        new(Group, new UserId(Guid.CreateVersion7()), stays, Math.Max(delivered, read), read);
}
