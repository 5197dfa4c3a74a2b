using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Projections.Specs;

/// <summary>Builds a log of events, each one second after the one before, for the specs of projections.</summary>
internal sealed class Story
{
    public static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    public static readonly UserId Ann = Person(0xa), Ben = Person(0xb), Cat = Person(0xc);
    public static readonly DeviceId Phone = new(Uuid(0xd1)), Laptop = new(Uuid(0xd2));
    public static readonly ConversationId Group = new(Uuid(0x60)), Other = new(Uuid(0x61));
    public static readonly GroupTitle Title = new(new SealedContent(null, new byte[] { 7 }), Ann);

    private readonly Dictionary<string, long> _revisions = [];
    private readonly List<Recorded> _facts = [];

    public IReadOnlyList<Recorded> Facts => _facts;

    public static UserId Person(int number) => new(Uuid(number));

    public static MessageId Id(int number) => new(Uuid(0x1000 + number));

    public static SealedContent Content(int number) => new("day-2026-02-01", new byte[] { 1, 2, (byte)number });

    /// <summary>The time of the event at a place in the log.</summary>
    public static DateTimeOffset At(int place) => Start.AddSeconds(place);

    public Story In(ConversationId conversation, params Func<DateTimeOffset, ConversationEvent>[] events) =>
        Add(StreamName.Of(conversation), events);

    public Story Receipts(ConversationId conversation, params Func<DateTimeOffset, ReceiptEvent>[] events) =>
        Add(StreamName.OfReceipts(conversation), events);

    public Story Of(UserId user, params Func<DateTimeOffset, UserEvent>[] events) => Add(StreamName.Of(user), events);

    /// <summary>The views of a projection over the whole log.</summary>
    public Dictionary<TKey, TView?> Then<TKey, TView, TProjection>()
        where TKey : notnull
        where TView : class
        where TProjection : IProjection<TKey, TView>
    {
        var views = new Dictionary<TKey, TView?>();
        Folding<TKey, TView, TProjection>.Apply(_facts, views);
        return views;
    }

    public static Func<DateTimeOffset, ConversationEvent> Started(params UserId[] members) =>
        at => new ConversationEvent.ConversationStarted(
            ConversationKind.Group, members[0], [.. members], Title)
        { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Sent(
        int message, UserId sender, params FileId[] files) => at => new ConversationEvent.MessageSent(
        Id(message), sender, Phone, MessageType.Text, Content(message), new Fingerprint((UInt128)message), null,
        at.AddDays(30), files.Length == 0 ? null : files)
        { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Edited(
        int message, long seq, UserId sender, int content) => at =>
        new ConversationEvent.MessageEdited(
            Id(message), seq, sender, Content(content), new Fingerprint((UInt128)content))
        { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Deleted(int message, long seq, UserId by) =>
        at => new ConversationEvent.MessageDeleted(Id(message), seq, by) { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Reacted(int message, long seq, UserId user, string? emoji) =>
        at => emoji is null
        ? new ConversationEvent.ReactionCleared(Id(message), seq, user) { At = at }
        : new ConversationEvent.ReactionSet(Id(message), seq, user, emoji) { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Voted(
        int message, long seq, UserId user, params int[] options) => at => options.Length == 0
        ? new ConversationEvent.VoteCleared(Id(message), seq, user) { At = at }
        : new ConversationEvent.VoteSet(Id(message), seq, user, Vote.Of(options)) { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Added(UserId user) =>
        at => new ConversationEvent.MemberAdded(user, Ann) { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Removed(UserId user) =>
        at => new ConversationEvent.MemberRemoved(user, Ann) { At = at };

    public static Func<DateTimeOffset, ConversationEvent> Left(UserId user) =>
        at => new ConversationEvent.MemberLeft(user) { At = at };

    private Story Add<TEvent>(string stream, Func<DateTimeOffset, TEvent>[] events)
        where TEvent : notnull
    {
        foreach (var @event in events)
        {
            var (at, revision) = (At(_facts.Count), _revisions.GetValueOrDefault(stream, -1) + 1);
            _revisions[stream] = revision;
            _facts.Add(new Recorded(
                @event(at), stream, revision, new LogPosition((ulong)_facts.Count + 1), Uuid(_facts.Count), at,
                Actor.System, new byte[] { (byte)revision }));
        }

        return this;
    }

    private static Guid Uuid(int number) => new(0, 0, 0x7000, [0x80, 0, 0, 0, 0, 0, (byte)(number >> 8), (byte)number]);
}
