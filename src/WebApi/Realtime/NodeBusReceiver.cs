using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>What other nodes have committed, on its way to this node's sockets.</summary>
internal sealed class NodeBusReceiver(LiveHub hub, IConversationWriter conversations) : INodeBusReceiver
{
    public void Receive(CommittedEntries entries) => conversations.Notice(
        entries.Conversation, entries.FirstSeq, entries.LastSeq, wanted: entries.Members.Count == 0 || hub.HasAny(entries.Members));

    public void Receive(LiveReceipt receipt) => hub.Publish(receipt);
}
