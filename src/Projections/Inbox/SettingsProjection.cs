using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Projections.Inbox;

/// <summary>A user's settings of a conversation; exists once they have set any.</summary>
public sealed record SettingsView(MemberKey Key, ConversationSettings Settings);

/// <summary>Folds users' settings of their conversations.</summary>
public sealed class SettingsProjection : IProjection<MemberKey, SettingsView>
{
    public static IEnumerable<MemberKey> KeysOf(Recorded fact) =>
        fact.Event is UserEvent.ConversationSettingsChanged e ? [new MemberKey(e.Conversation, e.User)] : [];

    public static SettingsView? Evolve(SettingsView? view, MemberKey key, Recorded fact) =>
        fact.Event is UserEvent.ConversationSettingsChanged e ? new SettingsView(key, e.Settings) : view;
}
