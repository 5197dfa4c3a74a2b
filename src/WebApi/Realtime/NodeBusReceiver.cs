using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>What other nodes have committed and say, on its way to this node's sockets.</summary>
internal sealed class NodeBusReceiver(LiveHub hub, TypingRelay typingRelay, LiveRecheck recheck, IConversationWriter conversations) : INodeBusReceiver
{
    public void Receive(CommittedEntries entries) => conversations.Notice(
        entries.Conversation, entries.FirstSeq, entries.LastSeq, wanted: entries.Members.Count == 0 || hub.HasAny(entries.Members));

    public void Receive(LiveReceipt receipt) => hub.Publish(receipt);

    public void Receive(LiveTyping typing) => typingRelay.Publish(typing);

    public void MayHaveMissed() => recheck.Ask();

    public bool HasSocket(UserId user) => hub.Has(user);

    public IReadOnlyCollection<UserId> WithSockets() => hub.Users;
}
