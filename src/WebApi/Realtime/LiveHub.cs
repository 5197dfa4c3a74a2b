using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net.WebSockets;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// The sockets of this node, by user, and the way of committed entries to them. Entries of a conversation pass through one lane, so they stay
/// in order; a frame is written once and shared by all who get it.
/// </summary>
public sealed class LiveHub : ILiveDelivery, IHostedService
{
    /// <summary>From how many members on a conversation's entries go through the last lane, where they hold up nobody else's.</summary>
    private const int CrowdMin = 64;

    private static readonly Counter<long> Dropped =
        Telemetry.Meter.CreateCounter<long>("chat.live.dropped", "{publication}", "What could not be handed to sockets at once: they fetch it.");
    private static readonly Counter<long> Delivered =
        Telemetry.Meter.CreateCounter<long>("chat.live.frames", "{frame}", "Entries and receipts handed to sockets.");

    private readonly ConcurrentDictionary<UserId, Connection[]> _connections = new();
    private readonly Lane[] _lanes;
    private readonly FrameWriter _frames;
    private readonly ILogger<LiveHub> _logger;
    private Task _running = Task.CompletedTask;
    private int _count;
    private int _dropped;

    public LiveHub(FrameWriter frames, ILogger<LiveHub> logger)
    {
        _frames = frames;
        _logger = logger;
        _lanes = [.. Enumerable.Range(0, 1 + Math.Max(1, Environment.ProcessorCount / 2)).Select(_ => new Lane())];
        Telemetry.Meter.CreateObservableGauge("chat.connections", () => Volatile.Read(ref _count), "{connection}", "Open sockets.");
    }

    public void Publish(IReadOnlyList<LiveEntry> entries, IReadOnlyCollection<UserId> members)
    {
        if (!HasAny(members))
            return;

        // A group that grows or shrinks past the bound changes lanes; what overtakes there is put right by each connection, as any gap is.
        var lane = members.Count < CrowdMin ? LaneOf(entries[0].Entry.Conversation) : _lanes[^1];
        if (!Enqueue(lane, new Publication.Entries(entries, members)))
            OweAcks(entries);
    }

    public void Publish(LiveReceipt receipt)
    {
        if (_connections.ContainsKey(receipt.User) || HasAny(receipt.Authors))
            Enqueue(LaneOf(receipt.Conversation), new Publication.Receipt(receipt));
    }

    /// <summary>Everyone who has a socket here.</summary>
    internal IReadOnlyCollection<UserId> Users => [.. _connections.Keys];

    internal bool Has(UserId user) => _connections.ContainsKey(user);

    /// <summary>Whether anything had to be dropped since this was last asked.</summary>
    internal bool TakeDropped() => Interlocked.Exchange(ref _dropped, 0) > 0;

    internal bool HasAny(IReadOnlyCollection<UserId> users)
    {
        foreach (var user in users)
        {
            if (_connections.ContainsKey(user))
                return true;
        }

        return false;
    }

    /// <returns>Whether it is the user's first.</returns>
    internal bool Add(Connection connection)
    {
        Interlocked.Increment(ref _count);
        return _connections.AddOrUpdate(connection.User, _ => [connection], (_, others) => [.. others, connection]).Length == 1;
    }

    /// <returns>Whether it was the user's last.</returns>
    internal bool Remove(Connection connection)
    {
        Interlocked.Decrement(ref _count);
        while (_connections.TryGetValue(connection.User, out var all))
        {
            var rest = all.Where(other => other != connection).ToArray();
            if (rest.Length == 0
                ? _connections.TryRemove(KeyValuePair.Create(connection.User, all))
                : _connections.TryUpdate(connection.User, rest, all))
                return rest.Length == 0;
        }

        return false;
    }

    /// <summary>Closes the sockets of a device that was removed.</summary>
    public void CloseDevice(UserId user, DeviceId device)
    {
        foreach (var connection in Of(user))
        {
            if (connection.Device == device)
                connection.Close(WebSocketCloseStatus.PolicyViolation, "the device was removed");
        }
    }

    /// <summary>Closes the sockets whose access token has expired.</summary>
    public void CloseExpired(DateTimeOffset now)
    {
        foreach (var connection in All())
        {
            if (connection.ExpiresAt <= now)
                connection.Close((WebSocketCloseStatus)4401, "token expired");
        }
    }

    /// <summary>Says goodbye to everyone: the node is going away.</summary>
    public async Task CloseAllAsync(CancellationToken cancellationToken)
    {
        foreach (var connection in All())
            connection.Close(WebSocketCloseStatus.EndpointUnavailable, "server going away");
        await Task.WhenAll(All().Select(connection => connection.Outbound.DrainedAsync())).WaitAsync(cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = Task.WhenAll(_lanes.Select(lane => Task.Run(() => RunAsync(lane), CancellationToken.None)));
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var lane in _lanes)
            lane.Complete();
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private IEnumerable<Connection> All() => _connections.Values.SelectMany(connections => connections);

    internal Connection[] Of(UserId user) => _connections.TryGetValue(user, out var connections) ? connections : [];

    private Lane LaneOf(ConversationId conversation) => _lanes[(uint)conversation.GetHashCode() % (uint)(_lanes.Length - 1)];

    private bool Enqueue(Lane lane, Publication publication)
    {
        if (lane.TryPut(publication))
            return true;
        NoteDropped();
        return false;
    }

    /// <summary>Whoever sent what could not be handed on has its ack all the same, once what comes before it is fetched.</summary>
    private void OweAcks(IReadOnlyList<LiveEntry> entries)
    {
        foreach (var item in entries)
        {
            var entry = item.Entry;
            if (item.Origin is null || entry.Actor.User is not { } sender)
                continue;
            foreach (var connection in Of(sender))
            {
                if (connection.Session == item.Origin)
                    connection.Miss(entry.Conversation, entry.Revision, entry.Position, FrameWriter.Ack(entry));
            }
        }
    }

    private async Task RunAsync(Lane lane)
    {
        await foreach (var publication in lane.TakeAllAsync())
        {
            try
            {
                if (publication is Publication.Entries entries)
                    await DeliverAsync(entries);
                else
                    Deliver(((Publication.Receipt)publication).Item);
            }
            catch (Exception exception)
            {
                // What could not be shown now is fetched when the next entry shows the gap.
                _logger.LogError(exception, "A publication could not be delivered.");
                NoteDropped();
            }
        }
    }

    private async ValueTask DeliverAsync(Publication.Entries entries)
    {
        foreach (var item in entries.Items)
        {
            var entry = item.Entry;
            var conversation = entry.Conversation;
            using var span = Telemetry.StartFor(item.Request?.Context, "deliver");
            ReadOnlyMemory<byte>? frame = null;
            var unreadable = item.IsGone;
            if (entry.Event is ConversationEvent.MemberAdded added)
            {
                foreach (var connection in Of(added.User))
                    connection.Join(conversation, entry.Revision);
            }

            foreach (var connection in entries.Members.SelectMany(Of))
            {
                Delivered.Add(1);
                if (item.Origin is not null && connection.Session == item.Origin)
                {
                    connection.Deliver(conversation, entry.Revision, entry.Position, FrameWriter.Ack(entry), isAck: true);
                    continue;
                }

                if (frame is null && !unreadable)
                {
                    frame = await TryWriteAsync(entry);
                    unreadable = frame is null;
                }

                if (frame is { } written)
                    connection.Deliver(conversation, entry.Revision, entry.Position, written, isAck: false);
                else
                    connection.Miss(conversation, entry.Revision, entry.Position);
            }
        }
    }

    /// <summary>The entry's frame; null where its content cannot be opened now: then it is fetched, and whoever sent it has the ack all the same.</summary>
    private async ValueTask<ReadOnlyMemory<byte>?> TryWriteAsync(Recorded entry)
    {
        try
        {
            return await _frames.EntryAsync(entry);
        }
        catch (StoreUnavailableException exception)
        {
            _logger.LogWarning("An entry is fetched later: {Reason}", exception.Message);
        }
        catch (Exception exception)
        {
            _logger.LogError(exception, "The entry {Seq} of {Conversation} could not be shown.", entry.Revision, entry.Conversation);
        }

        NoteDropped();
        return null;
    }

    private void Deliver(LiveReceipt receipt)
    {
        var frame = FrameWriter.Receipt(receipt);
        foreach (var author in receipt.Authors)
        {
            foreach (var connection in Of(author))
                Send(connection);
        }

        foreach (var connection in Of(receipt.User))
        {
            if (connection.Device != receipt.Device)
                Send(connection);
        }

        void Send(Connection connection)
        {
            connection.Send(frame);
            Delivered.Add(1);
        }
    }

    private void NoteDropped()
    {
        Dropped.Add(1);
        Volatile.Write(ref _dropped, 1);
    }
}
