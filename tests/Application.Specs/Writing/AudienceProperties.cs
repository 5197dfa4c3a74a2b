using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Projections.Timeline;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>
/// Whatever happens in a group, and however it is cut into batches: everybody is handed what they may see, and nothing
/// else.
/// </summary>
public sealed class AudienceProperties : ILiveDelivery
{
    private static readonly UserId[] People = [.. Enumerable.Range(1, 5).Select(n => new UserId(new Guid(n, 0, 0, new byte[8])))];
    private static readonly ConversationId Group = new(new Guid(9, 0, 0, new byte[8]));
    private static readonly GroupTitle Title = new(new SealedContent(null, new byte[] { 7 }), People[0]);

    private readonly Dictionary<UserId, List<long>> _handed = [];
    private readonly HashSet<(long Seq, UserId User)> _read = [];

    [Property(MaxTest = 500)]
    public Property Who_belongs_to_a_group_is_handed_each_entry_from_the_joining_to_the_going() => Prop.ForAll(Histories, steps =>
    {
        _handed.Clear();
        _read.Clear();
        var messages = new Dictionary<UserId, (MessageId Id, long Seq)>();
        var mayRead = new HashSet<(long Seq, UserId User)>();
        var state = Conversation.NotStarted;
        var expected = People.ToDictionary(user => user, _ => new List<long>());
        var batch = new List<LiveEntry>();
        var before = new HashSet<UserId>();
        Take(new ConversationCommand.StartGroup(People[0], [People[1]], Title, 4));
        foreach (var (kind, by, user, ends) in steps)
        {
            try
            {
                Take(kind switch
                {
                    0 => new ConversationCommand.AddMembers(People[by], [People[user]], 4),
                    1 => new ConversationCommand.RemoveMember(People[by], People[user]),
                    2 => new ConversationCommand.RemoveMember(People[by], People[by]),
                    3 => new ConversationCommand.ChangeRole(People[by], People[user], Role.Admin),
                    5 => new ConversationCommand.SetVote(
                        People[by], LastOf(People[user]), Vote.Of([(int)state.LastSeq % 12])),
                    4 => new ConversationCommand.EditMessage(People[by], LastOf(People[by]), Title.Content, new Fingerprint((UInt128)state.LastSeq), Unchanged: false),
                    _ => new ConversationCommand.SendMessage(
                        new MessageId(new Guid((int)state.LastSeq + 2, 0, 0, new byte[8])), People[by], default, MessageType.Text, Title.Content, default, null, null),
                });
            }
            catch (RefusedException)
            {
                continue; // Anybody may try anything.
            }

            if (ends)
                Publish();
        }

        Publish();
        foreach (var user in People)
            Assert.Equal(expected[user], _handed.GetValueOrDefault(user, []));
        Assert.Subset(mayRead, _read);

        MessageFacts LastOf(UserId sender) => messages.TryGetValue(sender, out var message)
            ? new MessageFacts(message.Id, message.Seq, sender, DateTimeOffset.UnixEpoch, IsDeleted: false, OwnReaction: null, AsOf: state.LastSeq)
            : throw new RefusedException(Refusal.MessageUnknown);

        void Take(ConversationCommand command)
        {
            foreach (var @event in Conversation.Decide(state, command, DateTimeOffset.UnixEpoch))
            {
                var members = state.Members.Keys.ToHashSet();
                state = Conversation.Evolve(state, @event);
                members.UnionWith(state.Members.Keys);
                foreach (var member in members)
                    expected[member].Add(state.LastSeq);
                before.UnionWith(members);
                if (@event is ConversationEvent.MessageSent sent)
                    messages[sent.Sender] = (sent.MessageId, state.LastSeq);
                if (TimelineProjection.ToldOf(@event) is { } told)
                {
                    mayRead.UnionWith(state.Members.Values.Where(member => member.JoinedSeq <= told)
                        .Select(member => (state.LastSeq, member.User)));
                }

                batch.Add(new LiveEntry(
                    new Recorded(@event, StreamName.Of(Group), state.LastSeq, LogPosition.Start, Guid.Empty, @event.At, Actor.System, new byte[32]), null));
            }
        }

        void Publish()
        {
            if (batch.Count == 0)
                return;
            var all = Audience.Publish(this, [.. batch], state);
            foreach (var (seq, user) in mayRead.Where(may => may.Seq >= batch[0].Entry.Revision && state.Members.GetValueOrDefault(may.User)?.JoinedSeq < may.Seq))
                Assert.Contains((seq, user), _read);
            Assert.Equal(all.Count, all.Distinct().Count());
            Assert.Subset(all.ToHashSet(), before);
            batch.Clear();
            before = [.. state.Members.Keys];
        }
    });

    void ILiveDelivery.Publish(IReadOnlyList<LiveEntry> entries, IReadOnlyCollection<UserId> members)
    {
        foreach (var member in members)
        {
            if (!_handed.TryGetValue(member, out var seqs))
                _handed.Add(member, seqs = []);
            seqs.AddRange(entries.Select(entry => entry.Entry.Revision));
            _read.UnionWith(
                entries.Where(entry => entry.Entry.Event is ConversationEvent.MessageEdited { Content.Bytes.IsEmpty: false }
                    or ConversationEvent.VoteSet { Vote.IsEmpty: false })
                .Select(entry => (entry.Entry.Revision, member)));
        }
    }

    void ILiveDelivery.Publish(LiveReceipt receipt) => throw new NotSupportedException();

    private static Arbitrary<(int Kind, int By, int User, bool Ends)[]> Histories { get; } = (
        from kind in Gen.Choose(0, 8)
        from actor in Gen.Choose(0, People.Length - 1)
        from user in Gen.Choose(0, People.Length - 1)
        from ends in Gen.Choose(0, 2)
        select (kind, actor, user, ends == 0)).ArrayOf().ToArbitrary();
}
