using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Takes <c>typing</c> to the sockets of this node: beside the lanes of entries, so that it never holds one up, and to nobody who has blocked the one who types or is
/// blocked by them.
/// </summary>
internal sealed class TypingRelay(LiveHub hub, BlockLists blocks, IConversationWriter conversations, ILogger<TypingRelay> logger)
    : BackgroundService, ITypingDelivery
{
    /// <summary>How many may wait; what is beyond is dropped.</summary>
    private const int WaitingMax = 1_000;

    private readonly Channel<LiveTyping> _waiting = Channel.CreateBounded<LiveTyping>(
        new BoundedChannelOptions(WaitingMax) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    public void Publish(LiveTyping typing)
    {
        if (typing.Members.Count == 0 || hub.HasAny(typing.Members))
            _waiting.Writer.TryWrite(typing);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var typing in _waiting.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await DeliverAsync(typing, stoppingToken);
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogDebug("That somebody is typing was not passed on: {Reason}", exception.Message);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                logger.LogError(exception, "That somebody is typing could not be passed on."); // A mistake of ours, for which no message shall wait: the node goes on.
            }
        }
    }

    private async ValueTask DeliverAsync(LiveTyping typing, CancellationToken cancellationToken)
    {
        var members = typing.Members.Count > 0
            ? typing.Members
            : [.. (await conversations.PeekAsync(typing.Conversation, cancellationToken)).Members.Keys];
        byte[]? frame = null;
        foreach (var member in members)
        {
            var connections = member == typing.User ? [] : hub.Of(member);
            if (connections.Length == 0 || await blocks.AreApartAsync(typing.User, member, cancellationToken))
                continue;
            frame ??= FrameWriter.Typing(typing);
            foreach (var connection in connections)
                connection.Hint(frame);
        }
    }
}
