using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace ChatCqrs.Application.Specs.Writing;

/// <summary>Whatever happens in a group, and however it is cut into batches: everybody is handed what they may see, and nothing else.</summary>
public sealed class AudienceProperties : ILiveDelivery
{
    private static readonly UserId[] People = [.. Enumerable.Range(1, 5).Select(n => new UserId(new Guid(n, 0, 0, new byte[8])))];
    private static readonly ConversationId Group = new(new Guid(9, 0, 0, new byte[8]));
    private static readonly GroupTitle Title = new(new SealedContent(null, new byte[] { 7 }), People[0]);

    private readonly Dictionary<UserId, List<long>> _handed = [];

    [Property(MaxTest = 300)]
    public Property Who_belongs_to_a_group_is_handed_each_entry_from_the_joining_to_the_going() => Prop.ForAll(Histories, steps =>
    {
        _handed.Clear();
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
                batch.Add(new LiveEntry(
                    new Recorded(@event, StreamName.Of(Group), state.LastSeq, LogPosition.Start, Guid.Empty, @event.At, Actor.System, new byte[32]), null));
            }
        }

        void Publish()
        {
            if (batch.Count == 0)
                return;
            var all = Audience.Publish(this, [.. batch], state.MemberIds);
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
        }
    }

    void ILiveDelivery.Publish(LiveReceipt receipt) => throw new NotSupportedException();

    private static Arbitrary<(int Kind, int By, int User, bool Ends)[]> Histories { get; } = (
        from kind in Gen.Choose(0, 5)
        from actor in Gen.Choose(0, People.Length - 1)
        from user in Gen.Choose(0, People.Length - 1)
        from ends in Gen.Choose(0, 2)
        select (kind, actor, user, ends == 0)).ArrayOf().ToArbitrary();
}
