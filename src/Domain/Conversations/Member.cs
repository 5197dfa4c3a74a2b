namespace ChatCqrs.Domain.Conversations;

/// <summary>What a member may do.</summary>
public enum Role
{
    /// <summary>Write, and leave. Both users of a direct conversation are members.</summary>
    Member,

    /// <summary>Also change the group: who belongs to it, its title and its settings.</summary>
    Admin,
}

/// <summary>A user's part in a conversation.</summary>
/// <param name="JoinedSeq">The seq of the entry by which they joined; they see entries from there on.</param>
/// <param name="LastSentSeq">The seq of the last message they sent; -1 for none.</param>
public sealed record Member(UserId User, long JoinedSeq, long LastSentSeq = -1, Role Role = Role.Member);

/// <summary>What a group is called. Somebody wrote it, so it is sealed.</summary>
/// <param name="By">Who named it so, and whose secret it is sealed with.</param>
public sealed record GroupTitle(SealedContent Content, UserId By);
