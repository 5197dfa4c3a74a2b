using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Specs.Scene;

namespace ChatCqrs.Domain.Specs;

/// <summary>Properties of groups under random commands by random users, in any order.</summary>
public sealed class GroupProperties
{
    private static readonly UserId[] People = [.. Enumerable.Range(1, 7).Select(Person)];

    [Property(MaxTest = 300)]
    public Property A_group_has_an_admin_while_it_has_a_member() => Prop.ForAll(Histories, wishes =>
    {
        foreach (var state in States(wishes).Where(state => state.Members.Count > 0))
        {
            Assert.Contains(state.Members.Values, member => member.Role == Role.Admin);
            Assert.InRange(state.Members.Count, 1, MembersMax);
            Assert.Equal(state.Members.Keys.ToHashSet(), state.MemberIds.ToHashSet());
            Assert.Equal(state.Members.Count, state.MemberIds.Length);
            // Members stay in order of joining.
            Assert.Equal(state.MemberIds, state.MemberIds.OrderBy(user => state.Members[user].JoinedSeq));
        }
    });

    [Property(MaxTest = 300)]
    public Property A_repeated_command_leads_to_no_event() => Prop.ForAll(Histories, wishes =>
    {
        var state = Given(Group(People[0], People[1])).State;
        foreach (var wish in wishes)
        {
            var first = new Scene(state).When(wish.Of(state));
            state = first.Events.Aggregate(state, Conversation.Evolve);
            if (first.Refused is null && wish.Of(state) is not RemoveMember && state.Members.ContainsKey(wish.By))
                Assert.Empty(new Scene(state).When(wish.Of(state)).Events);
        }
    });

    private static Arbitrary<Wish[]> Histories { get; } = (
        from kind in Gen.Choose(0, 9)
        from who in Gen.Choose(0, People.Length - 1)
        from user in Gen.Choose(0, People.Length - 1)
        from number in Gen.Choose(1, 6)
        select new Wish(kind, People[who], People[user], number)).ArrayOf().ToArbitrary();

    private static IEnumerable<Conversation> States(IEnumerable<Wish> wishes)
    {
        var state = Given(Group(People[0], People[1])).State;
        foreach (var wish in wishes)
        {
            state = new Scene(state).When(wish.Of(state)).Events.Aggregate(state, Conversation.Evolve);
            yield return state;
        }
    }

    /// <summary>A random command, allowed or not.</summary>
    public sealed record Wish(int Kind, UserId By, UserId User, int Number)
    {
        public ConversationCommand Of(Conversation state) => Kind switch
        {
            0 or 1 => new AddMembers(By, [User, Person(Number)], MembersMax),
            2 => new RemoveMember(By, User),
            3 or 4 => new RemoveMember(By, By),
            5 => new ChangeRole(By, User, Role.Admin),
            6 => new ChangeRole(By, User, Role.Member),
            7 => new SetReaction(By, Facts(state), "👍"),
            8 => new DeleteMessage(By, Facts(state)),
            9 => new SetVote(By, Facts(state), Vote.Of([Number % 3])),
            _ => Send(Number, By),
        };

        /// <summary>Facts from a view that has seen no operation on the message: the state holds them.</summary>
        private MessageFacts Facts(Conversation state) =>
            new(Id(Number), Number, User, Now, false, null, state.Operations.Since);
    }

}
