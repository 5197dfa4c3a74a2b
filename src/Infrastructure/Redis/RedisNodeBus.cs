using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ChatCqrs.Infrastructure.Redis;

/// <summary>
/// Announcements to all nodes over one Redis channel. Each node filters those for its own sockets and caches. An
/// announcement has a few hundred bytes and no content. Waiting announcements are sent in batches.
/// </summary>
public sealed class RedisNodeBus(
    ConnectionMultiplexer redis, Func<INodeBusReceiver> receiver, ILogger<RedisNodeBus> logger)
    : INodeBus, IHostedService
{
    private const int BatchMax = 500;

    private static readonly RedisChannel Channel = RedisChannel.Literal("chatcqrs:committed");

    private readonly Guid _node = Guid.NewGuid();
    private readonly AnnouncementQueue _waiting = new();
    private RedisSubscription? _subscription;
    private bool _isLosing;
    private Task _sending = Task.CompletedTask;

    public void Announce(CommittedEntries entries) => _waiting.Put(new Announcement(
        new EntriesItem(
            entries.Conversation.Value, entries.FirstSeq, entries.LastSeq,
            [.. entries.Members.Select(member => member.Value)]),
        null));

    public void Announce(LiveReceipt receipt) => _waiting.Put(new Announcement(
        null, new ReceiptItem(
            receipt.Conversation.Value, receipt.User.Value, receipt.Device.Value,
            receipt.DeliveredSeq, receipt.ReadSeq, receipt.At,
            [.. receipt.Authors.Select(author => author.Value)])));

    public void Announce(LiveTyping typing) => _waiting.Put(new Announcement(
        null, null, new TypingItem(
            typing.Conversation.Value, typing.User.Value, typing.Active,
            [.. typing.Members.Select(member => member.Value)])));

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _subscription = new RedisSubscription(redis, Channel, Receive, logger);
        await _subscription.StartAsync();
        _sending = Task.Run(SendAsync, CancellationToken.None);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Complete();
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_subscription is not null)
            await _subscription.StopAsync();
    }

    private async Task SendAsync()
    {
        await foreach (var items in _waiting.TakeAllAsync(BatchMax))
        {
            try
            {
                if (!redis.IsConnected) // A connection that is away would keep them, and then lose them uncounted.
                {
                    Lose(items, "Redis does not answer.");
                    continue;
                }

                var message = JsonSerializer.SerializeToUtf8Bytes(
                    new BusMessage(_node, items), BusJson.Default.BusMessage);
                await redis.GetSubscriber().PublishAsync(Channel, message, CommandFlags.FireAndForget);
                _isLosing = false;
            }
            catch (RedisException exception)
            {
                Lose(items, exception.Message);
            }
        }
    }

    private void Lose(IReadOnlyList<Announcement> items, string reason)
    {
        foreach (var item in items)
            AnnouncementQueue.CountDropped(item);
        if (!_isLosing)
            logger.LogWarning("Announcements cannot be sent to the other nodes: {Reason}", reason);
        _isLosing = true;
    }

    private void Receive(RedisValue message)
    {
        try
        {
            var bus = JsonSerializer.Deserialize(((ReadOnlyMemory<byte>)message).Span, BusJson.Default.BusMessage);
            if (bus is null || bus.Node == _node)
                return;
            foreach (var item in bus.Items)
                Receive(item);
        }
        catch (JsonException exception)
        {
            logger.LogWarning(
                exception, "A message of another node could not be understood; does it run another version?");
        }
    }

    private void Receive(Announcement announcement)
    {
        if (announcement.Entries is { } entries)
        {
            receiver().Receive(new CommittedEntries(
                new(entries.Conversation), entries.First, entries.Last, Users(entries.Members)));
        }
        else if (announcement.Receipt is { } receipt)
        {
            receiver().Receive(new LiveReceipt(
                new(receipt.Conversation), new(receipt.User), new(receipt.Device),
                receipt.Delivered, receipt.Read, receipt.At, Users(receipt.Authors)));
        }
        else if (announcement.Typing is { } typing)
        {
            receiver().Receive(new LiveTyping(
                new(typing.Conversation), new(typing.User), typing.Active, Users(typing.Members)));
        }
    }

    private static UserId[] Users(IReadOnlyList<Guid> ids) => [.. ids.Select(id => new UserId(id))];
}

internal sealed record BusMessage(Guid Node, IReadOnlyList<Announcement> Items);

internal sealed record Announcement(EntriesItem? Entries, ReceiptItem? Receipt, TypingItem? Typing = null);

internal sealed record EntriesItem(Guid Conversation, long First, long Last, IReadOnlyList<Guid> Members);

internal sealed record ReceiptItem(
    Guid Conversation, Guid User, Guid Device, long Delivered, long Read, DateTimeOffset At,
    IReadOnlyList<Guid> Authors);

internal sealed record TypingItem(Guid Conversation, Guid User, bool Active, IReadOnlyList<Guid> Members);

[JsonSerializable(typeof(BusMessage))]
internal sealed partial class BusJson : JsonSerializerContext;
