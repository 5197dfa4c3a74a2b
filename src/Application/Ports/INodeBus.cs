using ChatCqrs.Domain;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Tells the other nodes what this one has committed. A hint, like all live delivery: a node that misses it finds the entries in the log. Without
/// it there is one node.
/// </summary>
public interface INodeBus
{
    /// <summary>Never blocks and never throws; what cannot be sent now is dropped.</summary>
    void Announce(CommittedEntries entries);

    /// <inheritdoc cref="Announce(CommittedEntries)"/>
    void Announce(LiveReceipt receipt);

    /// <inheritdoc cref="Announce(CommittedEntries)"/>
    void Announce(LiveTyping typing);
}

/// <summary>There is one node: nobody to tell.</summary>
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

/// <summary>That a conversation has new entries; the receiving node reads them from the log.</summary>
/// <param name="Members">Who may have a socket there; empty when they are many, and the receiver is to look them up itself.</param>
public sealed record CommittedEntries(ConversationId Conversation, long FirstSeq, long LastSeq, IReadOnlyCollection<UserId> Members)
{
    /// <summary>Conversations with more members are announced without them.</summary>
    public const int MembersMax = 16;
}

/// <summary>What a node does with the announcements of others, and what it says of itself.</summary>
public interface INodeBusReceiver
{
    void Receive(CommittedEntries entries);

    void Receive(LiveReceipt receipt);

    void Receive(LiveTyping typing);

    /// <summary>What others announced may not have come until now.</summary>
    void MayHaveMissed();

    /// <summary>Whether a user has a socket on this node now.</summary>
    bool HasSocket(UserId user);

    /// <summary>Everyone who has a socket on this node now.</summary>
    IReadOnlyCollection<UserId> WithSockets();
}
