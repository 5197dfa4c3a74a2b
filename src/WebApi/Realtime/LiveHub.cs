using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Delivers committed entries and receipts to the sockets of this node. Entries of a conversation pass through one
/// lane, so they stay in order; a frame is written once and shared by all its recipients.
/// </summary>
internal sealed class LiveHub : ILiveDelivery, IHostedService
{
    /// <summary>
    /// The size from which on a conversation uses the last lane, where it delays no smaller one; in members.
    /// </summary>
    private const int CrowdMin = 64;

    /// <summary>The most dropped publications that are remembered. In others the next entry shows the gap.</summary>
    private const int LostMax = 10_000;

    private static readonly Counter<long> Dropped = Telemetry.Meter.CreateCounter<long>(
        "chat.live.dropped", "{publication}", "Publications that sockets could not get at once, and fetch.");

    private static readonly Counter<long> Delivered = Telemetry.Meter.CreateCounter<long>(
        "chat.live.frames", "{frame}", "Entries and receipts handed to sockets.");

    private readonly Lane[] _lanes;
    private readonly OpenSockets _sockets;
    private readonly FrameWriter _frames;
    private readonly HeardEntries _heard;
    private readonly ConcurrentQueue<Lost> _lost = [];
    private readonly ILogger<LiveHub> _logger;
    private Task _running = Task.CompletedTask;

    public LiveHub(OpenSockets sockets, FrameWriter frames, HeardEntries heard, ILogger<LiveHub> logger)
    {
        _sockets = sockets;
        _frames = frames;
        _heard = heard;
        _logger = logger;
        _lanes = [.. Enumerable.Range(0, 1 + Math.Max(1, Environment.ProcessorCount / 2)).Select(_ => new Lane())];
    }

    /// <summary>
    /// Raised when a user has left a conversation or was removed, with the position of that entry. At least for each
    /// conversation with members who have a socket here. Handlers must be quick and must not throw.
    /// </summary>
    public event Action<UserId, LogPosition>? MemberGone;

    public void Publish(IReadOnlyList<LiveEntry> entries, IReadOnlyCollection<UserId> members)
    {
        _heard.Note(entries[0].Entry.Conversation, entries[0].Entry.Revision, entries[^1].Entry.Revision);
        foreach (var item in entries)
        {
            if (GoneBy(item.Entry) is { } gone)
                MemberGone?.Invoke(gone, item.Entry.Position);
        }

        if (!_sockets.HasAny(members))
            return;

        // A group that grows or shrinks past the bound changes lanes. An entry may overtake another one there; each
        // connection holds it until the gap is filled.
        var lane = members.Count < CrowdMin ? LaneOf(entries[0].Entry.Conversation) : _lanes[^1];
        if (!Enqueue(lane, new Publication.Entries(entries, members)))
            OweAcks(entries);
    }

    public void Publish(LiveReceipt receipt)
    {
        if (_sockets.Has(receipt.User) || _sockets.HasAny(receipt.Authors))
            Enqueue(LaneOf(receipt.Conversation), new Publication.Receipt(receipt));
    }

    /// <summary>Lets the sockets fetch the entries that were dropped since the last call.</summary>
    /// <returns>How many of these publications a socket was still missing.</returns>
    public int FetchLost()
    {
        var fetched = 0;
        for (var left = _lost.Count; left > 0 && _lost.TryDequeue(out var lost); left--)
        {
            var connections = lost.Members.SelectMany(_sockets.Of).ToList();
            if (connections.Count(connection => connection.Miss(lost.Conversation, lost.Seq, lost.Position)) > 0)
                fetched++;
        }

        return fetched;
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

    /// <returns>Who is no member any more since an entry; null for nobody.</returns>
    private static UserId? GoneBy(Recorded entry) => entry.Event switch
    {
        ConversationEvent.MemberRemoved removed => removed.User,
        ConversationEvent.MemberLeft left => left.User,
        _ => null,
    };

    private Lane LaneOf(ConversationId conversation) =>
        _lanes[(uint)conversation.GetHashCode() % (uint)(_lanes.Length - 1)];

    private bool Enqueue(Lane lane, Publication publication)
    {
        if (lane.TryPut(publication))
            return true;
        NoteLost(publication);
        return false;
    }

    /// <summary>
    /// The sessions that sent dropped entries still get their acks: in order, once earlier entries are fetched.
    /// </summary>
    private void OweAcks(IReadOnlyList<LiveEntry> entries)
    {
        foreach (var item in entries)
        {
            var entry = item.Entry;
            if (item.Origin is null || entry.Actor.User is not { } sender)
                continue;
            foreach (var connection in _sockets.Of(sender))
            {
                if (connection.Session == item.Origin)
                    connection.Miss(entry.Conversation, entry.Revision, entry.Position, FrameWriter.Ack(entry));
            }
        }
    }

    private async Task RunAsync(Lane lane)
    {
        await foreach (var batch in lane.TakeAllAsync())
        {
            await PrepareAsync(batch);
            foreach (var publication in batch)
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
                    // The next entry shows the gap, and the connection fetches the missing entries.
                    _logger.LogError(exception, "A publication could not be delivered.");
                    NoteLost(publication);
                }
            }
        }
    }

    /// <summary>Fetches the keys of all entries of a batch in one query.</summary>
    private async ValueTask PrepareAsync(IReadOnlyList<Publication> batch)
    {
        try
        {
            await _frames.PrepareAsync(batch.OfType<Publication.Entries>()
                .SelectMany(entries => entries.Items).Where(item => !item.IsGone).Select(item => item.Entry));
        }
        catch (Exception exception)
        {
            // Each entry is tried by itself then: some keys may be known.
            _logger.LogWarning(exception, "The keys of waiting entries could not be fetched together.");
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
                foreach (var connection in _sockets.Of(added.User))
                    connection.Join(conversation, entry.Revision);
            }
            else if (GoneBy(entry) is { } gone)
            {
                foreach (var connection in _sockets.Of(gone))
                    connection.Leave(conversation);
            }

            foreach (var connection in entries.Members.SelectMany(_sockets.Of))
            {
                Delivered.Add(1);
                if (item.Origin is not null && connection.Session == item.Origin)
                {
                    var ack = FrameWriter.Ack(entry);
                    connection.Deliver(conversation, entry.Revision, entry.Position, ack, isAck: true);
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

    /// <summary>
    /// The entry's frame; null when its content cannot be opened now. Then each recipient fetches the entry, and its
    /// sender gets the ack.
    /// </summary>
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
            _logger.LogError(
                exception, "The entry {Seq} of {Conversation} could not be shown.", entry.Revision, entry.Conversation);
        }

        Dropped.Add(1);
        return null;
    }

    private void Deliver(LiveReceipt receipt)
    {
        var frame = FrameWriter.Receipt(receipt);
        foreach (var author in receipt.Authors)
        {
            foreach (var connection in _sockets.Of(author))
                Send(connection);
        }

        foreach (var connection in _sockets.Of(receipt.User))
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

    private void NoteLost(Publication publication)
    {
        Dropped.Add(1);
        if (publication is not Publication.Entries { Items: var items } entries || _lost.Count >= LostMax)
            return;
        var last = items[^1].Entry;
        _lost.Enqueue(new Lost(last.Conversation, last.Revision, last.Position, entries.Members));
    }

    /// <summary>A dropped publication.</summary>
    /// <param name="Seq">Its last entry.</param>
    /// <param name="Members">The users to deliver it to.</param>
    private sealed record Lost(
        ConversationId Conversation, long Seq, LogPosition Position, IReadOnlyCollection<UserId> Members);
}
