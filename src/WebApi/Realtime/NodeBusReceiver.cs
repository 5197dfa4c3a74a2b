using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>Hands announcements, receipts and typing of other nodes to this node's sockets.</summary>
internal sealed class NodeBusReceiver(
    OpenSockets sockets, LiveHub hub, TypingRelay typingRelay, HeardEntries heard, IConversationWriter conversations)
    : INodeBusReceiver
{
    public void Receive(CommittedEntries entries)
    {
        // An announcement for many members leaves them out: then any node may have sockets for it.
        var isWatched = entries.Members.Count == 0 || sockets.HasAny(entries.Members);
        heard.Note(entries.Conversation, entries.FirstSeq, entries.LastSeq);
        conversations.Notice(entries.Conversation, entries.FirstSeq, entries.LastSeq, isWatched);
    }

    public void Receive(LiveReceipt receipt) => hub.Publish(receipt);

    public void Receive(LiveTyping typing) => typingRelay.Publish(typing);

    public bool HasSocket(UserId user) => sockets.Has(user);

    public IReadOnlyCollection<UserId> WithSockets() => sockets.Users;
}
