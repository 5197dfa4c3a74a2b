using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Delivers <c>typing</c> to the sockets of this node, except between users of whom one has blocked the other. It has a
/// queue of its own, so that it never delays an entry.
/// </summary>
internal sealed class TypingRelay(
    OpenSockets sockets, BlockLists blocks, IConversationWriter conversations, ILogger<TypingRelay> logger)
    : BackgroundService, ITypingDelivery
{
    /// <summary>The most that wait; further ones are dropped.</summary>
    private const int WaitingMax = 1_000;

    private readonly Channel<LiveTyping> _waiting = Channel.CreateBounded<LiveTyping>(
        new BoundedChannelOptions(WaitingMax) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    public void Publish(LiveTyping typing)
    {
        if (typing.Members.Count == 0 || sockets.HasAny(typing.Members))
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
                logger.LogDebug("A typing frame was dropped: {Reason}", exception.Message);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A bug here must not stop the node, which delivers messages.
                logger.LogError(exception, "A typing frame could not be delivered.");
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
            var connections = member == typing.User ? [] : sockets.Of(member);
            if (connections.Length == 0 || await blocks.AreApartAsync(typing.User, member, cancellationToken))
                continue;
            frame ??= FrameWriter.Typing(typing);
            foreach (var connection in connections)
                connection.Hint(frame);
        }
    }
}
