using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Announces this node's commits to the other nodes, so that they need not wait for their next look at the log. Best
/// effort: a node that misses an announcement finds the entries in the log.
/// </summary>
public interface INodeBus
{
    /// <summary>Never blocks, never throws. Drops what cannot be sent now.</summary>
    void Announce(CommittedEntries entries);

    /// <inheritdoc cref="Announce(CommittedEntries)"/>
    void Announce(LiveReceipt receipt);

    /// <inheritdoc cref="Announce(CommittedEntries)"/>
    void Announce(LiveTyping typing);
}

/// <summary>The bus of a single node: does nothing.</summary>
public sealed class NoNodeBus : INodeBus
{
    public void Announce(CommittedEntries entries)
    {
    }

    public void Announce(LiveReceipt receipt)
    {
    }

    public void Announce(LiveTyping typing)
    {
    }
}

/// <summary>New entries of a conversation. The receiving node reads them from the log.</summary>
/// <param name="Members">
/// The users to deliver to; empty if there are more than <see cref="MembersMax"/>: the receiving node then looks them
/// up.
/// </param>
public sealed record CommittedEntries(
    ConversationId Conversation, long FirstSeq, long LastSeq, IReadOnlyCollection<UserId> Members)
{
    /// <summary>The most members that an announcement carries.</summary>
    public const int MembersMax = 16;
}

/// <summary>Handles other nodes' announcements, and answers which users have sockets on this node.</summary>
public interface INodeBusReceiver
{
    void Receive(CommittedEntries entries);

    void Receive(LiveReceipt receipt);

    void Receive(LiveTyping typing);

    /// <summary>Whether a user has an open socket on this node.</summary>
    bool HasSocket(UserId user);

    /// <summary>All users with an open socket on this node.</summary>
    IReadOnlyCollection<UserId> WithSockets();
}
