using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Conversations;

/// <param name="Role"><c>member</c> or <c>admin</c>.</param>
public sealed record MemberInfo(Guid UserId, string Role, long JoinedSeq)
{
    /// <summary>The members, in order of joining.</summary>
    internal static IEnumerable<MemberInfo> Of(Conversation conversation) => conversation.MemberIds
        .Select(id => conversation.Members[id])
        .Select(member => new MemberInfo(member.User.Value, ConversationNames.Of(member.Role), member.JoinedSeq));
}
