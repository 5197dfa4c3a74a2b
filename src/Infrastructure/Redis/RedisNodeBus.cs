using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ChatCqrs.Infrastructure.Redis;

/// <summary>
/// The nodes' common channel in Redis. Every node hears every announcement and keeps what concerns its own sockets or memory: an announcement is
/// some hundred bytes and carries no content. Several that wait travel in one message.
/// </summary>
public sealed class RedisNodeBus(
    ConnectionMultiplexer redis, Func<INodeBusReceiver> receiver, ILogger<RedisNodeBus> logger) : INodeBus, IHostedService
{
    /// <summary>How many announcements may wait; beyond it they are dropped, and found again in the log.</summary>
    private const int WaitingMax = 20_000;

    private const int BatchMax = 500;

    private static readonly RedisChannel Channel = RedisChannel.Literal("chatcqrs:committed");

    private readonly Guid _node = Guid.NewGuid();
    private readonly Channel<Announcement> _waiting = System.Threading.Channels.Channel.CreateBounded<Announcement>(
        new BoundedChannelOptions(WaitingMax) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private RedisSubscription? _subscription;
    private Task _sending = Task.CompletedTask;

    public void Announce(CommittedEntries entries) => _waiting.Writer.TryWrite(new Announcement(
        new EntriesItem(entries.Conversation.Value, entries.FirstSeq, entries.LastSeq, [.. entries.Members.Select(member => member.Value)]), null));

    public void Announce(LiveReceipt receipt) => _waiting.Writer.TryWrite(new Announcement(
        null, new ReceiptItem(
            receipt.Conversation.Value, receipt.User.Value, receipt.Device.Value, receipt.DeliveredSeq, receipt.ReadSeq, receipt.At,
            [.. receipt.Authors.Select(author => author.Value)])));

    public void Announce(LiveTyping typing) => _waiting.Writer.TryWrite(new Announcement(
        null, null, new TypingItem(typing.Conversation.Value, typing.User.Value, typing.Active, [.. typing.Members.Select(member => member.Value)])));

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        redis.ConnectionRestored += OnRestored;
        _subscription = new RedisSubscription(redis, Channel, Receive, logger);
        await _subscription.StartAsync(joined: () => receiver().MayHaveMissed());
        _sending = Task.Run(SendAsync, CancellationToken.None);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        redis.ConnectionRestored -= OnRestored;
        _waiting.Writer.TryComplete();
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_subscription is not null)
            await _subscription.StopAsync();
    }

    private async Task SendAsync()
    {
        var reader = _waiting.Reader;
        while (await reader.WaitToReadAsync())
        {
            var items = new List<Announcement>();
            while (items.Count < BatchMax && reader.TryRead(out var item))
                items.Add(item);
            try
            {
                await redis.GetSubscriber().PublishAsync(
                    Channel, JsonSerializer.SerializeToUtf8Bytes(new BusMessage(_node, items), BusJson.Default.BusMessage), CommandFlags.FireAndForget);
            }
            catch (RedisException exception)
            {
                logger.LogWarning("{Count} announcements could not be sent to the other nodes: {Reason}", items.Count, exception.Message);
            }
        }
    }

    private void Receive(RedisValue message)
    {
        try
        {
            var bus = JsonSerializer.Deserialize(((ReadOnlyMemory<byte>)message).Span, BusJson.Default.BusMessage);
            if (bus is null || bus.Node == _node)
                return;
            foreach (var item in bus.Items)
            {
                if (item.Entries is { } entries)
                    receiver().Receive(new CommittedEntries(new(entries.Conversation), entries.First, entries.Last, Users(entries.Members)));
                else if (item.Receipt is { } r)
                    receiver().Receive(new LiveReceipt(new(r.Conversation), new(r.User), new(r.Device), r.Delivered, r.Read, r.At, Users(r.Authors)));
                else if (item.Typing is { } t)
                    receiver().Receive(new LiveTyping(new(t.Conversation), new(t.User), t.Active, Users(t.Members)));
            }
        }
        catch (JsonException exception)
        {
            logger.LogWarning(exception, "A message of another node could not be understood; does it run another version?");
        }
    }

    private void OnRestored(object? sender, ConnectionFailedEventArgs connection)
    {
        if (connection.ConnectionType == ConnectionType.Subscription)
            receiver().MayHaveMissed();
    }

    private static UserId[] Users(IReadOnlyList<Guid> ids) => [.. ids.Select(id => new UserId(id))];
}

internal sealed record BusMessage(Guid Node, IReadOnlyList<Announcement> Items);

internal sealed record Announcement(EntriesItem? Entries, ReceiptItem? Receipt, TypingItem? Typing = null);

internal sealed record EntriesItem(Guid Conversation, long First, long Last, IReadOnlyList<Guid> Members);

internal sealed record ReceiptItem(
    Guid Conversation, Guid User, Guid Device, long Delivered, long Read, DateTimeOffset At, IReadOnlyList<Guid> Authors);

internal sealed record TypingItem(Guid Conversation, Guid User, bool Active, IReadOnlyList<Guid> Members);

[JsonSerializable(typeof(BusMessage))]
internal sealed partial class BusJson : JsonSerializerContext;
