using System.Collections.Immutable;
using ChatCqrs.Domain.Retention;
using static ChatCqrs.Domain.Conversations.ConversationCommand;
using static ChatCqrs.Domain.Conversations.ConversationEvent;

namespace ChatCqrs.Domain.Conversations;

/// <summary>Who may change a group. A group with members always has an admin.</summary>
internal static class GroupRules
{
    public static IReadOnlyList<ConversationEvent> Decide(
        Conversation state, ConversationCommand command, DateTimeOffset now) => command switch
        {
            StartGroup c when state.Kind is not null => StartAgain(state, c),
            StartGroup c => Start(c, now),
            AddMembers c => Add(state.RequireAdmin(c.By), c, now),
            RemoveMember c when c.By == c.User => Leave(state.RequireGroup(c.By), c.User, now),
            RemoveMember c => state.RequireAdmin(c.By).IsMember(c.User)
                ? [new MemberRemoved(c.User, c.By) { At = now }]
                : throw new RefusedException(Refusal.MemberUnknown),
            ChangeRole c => Change(state.RequireAdmin(c.By), c, now),
            RenameGroup c => state.RequireAdmin(c.By).Title == c.Title ? [] : [new GroupRenamed(c.Title) { At = now }],
            ChangeRetention c when state.RequireRetentionRight(c.By).Retention == c.Policy => [],
            ChangeRetention { IsBlocked: true } => throw new RefusedException(Refusal.Blocked),
            ChangeRetention c =>
            [
                new RetentionChanged(
                c.Policy, c.By, Shortening.Between(state.Retention, c.Policy, c.DefaultDays)) { At = now },
        ],
            _ => throw new InvalidOperationException($"Unknown command {command.GetType().Name}."),
        };

    /// <param name="next">The state before the event, with <c>LastSeq</c> and <c>LastAt</c> already advanced.</param>
    public static Conversation Evolve(Conversation next, ConversationEvent @event) => @event switch
    {
        MemberAdded e => next with
        {
            Members = next.Members.SetItem(e.User, new Member(e.User, next.LastSeq)),
            MemberIds = next.MemberIds.Remove(e.User).Add(e.User),
        },
        MemberRemoved e => next.Without(e.User),
        MemberLeft e => next.Without(e.User),
        RoleChanged e => next.Members.TryGetValue(e.User, out var member)
            ? next with { Members = next.Members.SetItem(e.User, member with { Role = e.Role }) }
            : next,
        GroupRenamed e => next with { Title = e.Title },
        RetentionChanged e => next with { Retention = e.Policy },
        _ => throw new InvalidOperationException($"Unknown event {@event.GetType().Name}."),
    };

    /// <summary>
    /// The user who starts a group is its admin; both users of a direct conversation are plain members.
    /// </summary>
    public static Role FirstRole(ConversationStarted started, UserId user) =>
        started.Kind == ConversationKind.Group && user == started.By ? Role.Admin : Role.Member;

    private static IReadOnlyList<ConversationEvent> Start(StartGroup c, DateTimeOffset now)
    {
        ImmutableArray<UserId> members = [c.By, .. c.Others.Where(other => other != c.By).Distinct()];
        if (members.Length > c.MembersMax)
            throw new RefusedException(Refusal.GroupFull);
        return c.IsBlocked
            ? throw new RefusedException(Refusal.Blocked)
            : [new ConversationStarted(ConversationKind.Group, c.By, members, c.Title, c.Fingerprint) { At = now }];
    }

    /// <summary>The id is taken. The same start again, from the same user, finds the group that it started.</summary>
    private static IReadOnlyList<ConversationEvent> StartAgain(Conversation state, StartGroup c)
    {
        if (c.Fingerprint is not { } fingerprint)
            return []; // The server made the id: nobody else has it.
        if (state.Start != new GroupStart(c.By, fingerprint))
            throw new RefusedException(Refusal.ConversationIdReused);
        state.Require(c.By);
        return [];
    }

    private static IReadOnlyList<ConversationEvent> Add(Conversation state, AddMembers c, DateTimeOffset now)
    {
        var added = c.Users.Where(user => !state.IsMember(user)).Distinct().ToList();
        if (state.Members.Count + added.Count > c.MembersMax && added.Count > 0)
            throw new RefusedException(Refusal.GroupFull);
        return c.BlockedBy is { } blockers && added.Exists(blockers.Contains)
            ? throw new RefusedException(Refusal.Blocked)
            : [.. added.Select(user => new MemberAdded(user, c.By) { At = now })];
    }

    /// <summary>Leaves a group. If the last admin leaves, the member of longest standing becomes admin.</summary>
    private static IReadOnlyList<ConversationEvent> Leave(Conversation state, UserId user, DateTimeOffset now)
    {
        var left = new MemberLeft(user) { At = now };
        return state.IsLastAdmin(user) && state.MemberIds.Length > 1
            ? [left, new RoleChanged(state.MemberIds.First(other => other != user), Role.Admin, user) { At = now }]
            : [left];
    }

    private static IReadOnlyList<ConversationEvent> Change(Conversation state, ChangeRole c, DateTimeOffset now)
    {
        if (!state.Members.TryGetValue(c.User, out var member))
            throw new RefusedException(Refusal.MemberUnknown);
        if (member.Role == c.Role)
            return [];
        return c.Role == Role.Admin || !state.IsLastAdmin(c.User)
            ? [new RoleChanged(c.User, c.Role, c.By) { At = now }]
            : throw new RefusedException(Refusal.LastAdmin);
    }

    private static Conversation RequireGroup(this Conversation state, UserId by)
    {
        state.Require(by);
        return state.Kind == ConversationKind.Group ? state : throw new RefusedException(Refusal.NotAGroup);
    }

    private static Conversation RequireAdmin(this Conversation state, UserId by) =>
        state.RequireGroup(by).Members[by].Role == Role.Admin ? state : throw new RefusedException(Refusal.NotAnAdmin);

    /// <summary>Group admins, and both users of a direct conversation, may change the retention policy.</summary>
    private static Conversation RequireRetentionRight(this Conversation state, UserId by)
    {
        state.Require(by);
        return state.Kind == ConversationKind.Group ? state.RequireAdmin(by) : state;
    }

    private static bool IsLastAdmin(this Conversation state, UserId user) =>
        state.Members[user].Role == Role.Admin
        && !state.Members.Values.Any(other => other.Role == Role.Admin && other.User != user);

    private static Conversation Without(this Conversation state, UserId user) =>
        state with { Members = state.Members.Remove(user), MemberIds = state.MemberIds.Remove(user) };
}
