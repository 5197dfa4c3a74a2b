using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Retention;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Domain.Specs;

/// <summary>A conversation after given events, with the users and builders of the specs.</summary>
internal sealed record Scene(Conversation State)
{
    public const int MembersMax = 4;

    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    public static readonly UserId Ann = Person(0xa), Ben = Person(0xb), Cat = Person(0xc);
    public static readonly UserId Dan = Person(0xd), Eve = Person(0xe);
    public static readonly DeviceId Phone = new(new Guid("00000000-0000-7000-8000-0000000000d1"));
    public static readonly SealedContent Content = new("day-2026-02-01", new byte[] { 1, 2, 3 });
    public static readonly GroupTitle Title = new(new SealedContent(null, new byte[] { 7 }), Ann);

    public static UserId Person(int number) => new(new Guid(0, 0, 0x7000, [0x80, 0, 0, 0, 0, 0, 0, (byte)number]));

    public static Scene Given(params ConversationEvent[] events) =>
        new(events.Aggregate(Conversation.NotStarted, Conversation.Evolve));

    public static ConversationStarted Started(UserId by, UserId with) =>
        new(ConversationKind.Direct, by, [by, with]) { At = Now };

    /// <summary>A group started by the first member.</summary>
    public static ConversationStarted Group(params UserId[] members) =>
        new(ConversationKind.Group, members[0], [.. members], Title) { At = Now };

    public static MessageSent Sent(int id, UserId sender) =>
        new(Id(id), sender, Phone, MessageType.Text, Content, new Fingerprint((UInt128)id), null, null) { At = Now };

    public static SendMessage Send(int id, UserId sender, int? content = null, UserId? startWith = null) =>
        new(
            Id(id), sender, Phone, MessageType.Text, Content, new Fingerprint((UInt128)(content ?? id)), null, null,
            startWith);

    public static MemberAdded Added(UserId user, UserId by) => new(user, by) { At = Now };

    public static MemberRemoved Removed(UserId user, UserId by) => new(user, by) { At = Now };

    public static MemberLeft Left(UserId user) => new(user) { At = Now };

    public static RoleChanged Changed(UserId user, Role role, UserId by) => new(user, role, by) { At = Now };

    public static RetentionChanged Kept(UserId by, int? days = null, int? seconds = null) =>
        new(new RetentionPolicy(days, seconds), by) { At = Now };

    public static MessageId Id(int id) => new(new Guid(id, 0, 0, [0x80, 0, 0, 0, 0, 0, 0, 1]));

    public Outcome When(ConversationCommand command, DateTimeOffset? at = null)
    {
        try
        {
            return new Outcome(Conversation.Decide(State, command, at ?? Now), null);
        }
        catch (RefusedException refused)
        {
            return new Outcome([], refused.Refusal);
        }
    }
}

internal sealed record Outcome(IReadOnlyList<ConversationEvent> Events, Refusal? Refused)
{
    public void Then(params ConversationEvent[] events)
    {
        Assert.Null(Refused);
        Assert.Equal(events.Length, Events.Count);
        Assert.All(events.Zip(Events), pair => Assert.Equivalent(pair.First, pair.Second, strict: true));
    }

    public void ThenNothing() => Then();

    public void ThenRefused(Refusal refusal) => Assert.Equal(refusal, Refused);
}
