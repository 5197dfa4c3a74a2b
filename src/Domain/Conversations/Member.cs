using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Domain.Conversations;

/// <summary>A member's rights.</summary>
public enum Role
{
    /// <summary>May write and leave. Both users of a direct conversation have this role.</summary>
    Member,

    /// <summary>May also change the group: its members, title and settings.</summary>
    Admin,
}

/// <summary>A user's membership in a conversation.</summary>
/// <param name="JoinedSeq">The seq of the entry with which they joined. They see entries from this one on.</param>
/// <param name="LastSentSeq">The seq of their last message; -1 for none.</param>
public sealed record Member(UserId User, long JoinedSeq, long LastSentSeq = -1, Role Role = Role.Member);

/// <summary>A group's title, sealed because a user wrote it.</summary>
/// <param name="By">The author of the title, whose secret seals it.</param>
public sealed record GroupTitle(SealedContent Content, UserId By);

/// <summary>Who started a group, and with which title and members.</summary>
public sealed record GroupStart(UserId By, Fingerprint Fingerprint);
