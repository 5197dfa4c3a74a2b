using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Projections.Inbox;

namespace ChatCqrs.Projections.Presence;

/// <summary>
/// That the presence of a user may be watched by the present members of a conversation. In a group by all but the one
/// who put the user there; in a direct conversation once the user has written.
/// </summary>
/// <param name="PutBy">Who put the user there, and gains nothing by it; null for nobody else.</param>
public sealed record Watchable(MemberKey Key, UserId? PutBy);

/// <summary>Collects in which conversations users become watchable, and cease to be, in one run.</summary>
public sealed class WatchableChanges
{
    private readonly Dictionary<MemberKey, Watchable?> _changed = [];
    private readonly HashSet<MemberKey> _written = [];

    /// <summary>Those who came to a group, each as their last coming says.</summary>
    public IEnumerable<Watchable> Come => _changed.Values.OfType<Watchable>();

    /// <summary>Those who left a group and did not come again.</summary>
    public IEnumerable<MemberKey> Gone => _changed.Where(each => each.Value is null).Select(each => each.Key);

    /// <summary>
    /// Those who wrote. They become watchable by it only where they are not yet: in a direct conversation, and in a
    /// group whose beginning was truncated before this was folded.
    /// </summary>
    public IReadOnlyCollection<MemberKey> Written => _written;

    public void Apply(Recorded fact)
    {
        switch (fact.Event)
        {
            case ConversationEvent.ConversationStarted { Kind: ConversationKind.Group } e:
                foreach (var user in e.Members)
                    Put(fact, user, user == e.By ? null : e.By);
                break;
            case ConversationEvent.MemberAdded e:
                Put(fact, e.User, e.By);
                break;
            case ConversationEvent.MemberRemoved e:
                Remove(fact, e.User);
                break;
            case ConversationEvent.MemberLeft e:
                Remove(fact, e.User);
                break;
            case ConversationEvent.MessageSent e when !_changed.ContainsKey(KeyOf(fact, e.Sender)):
                _written.Add(KeyOf(fact, e.Sender));
                break;
        }
    }

    private void Put(Recorded fact, UserId user, UserId? by) =>
        _changed[KeyOf(fact, user)] = new Watchable(KeyOf(fact, user), by);

    private void Remove(Recorded fact, UserId user)
    {
        _changed[KeyOf(fact, user)] = null;
        _written.Remove(KeyOf(fact, user));
    }

    private static MemberKey KeyOf(Recorded fact, UserId user) => new(fact.Conversation, user);
}
