using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Serialization;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Application.Specs.Writing.Exploration;

/// <summary>One partition of a node's writer, and everything that it handed to sockets and to other nodes.</summary>
internal sealed class SimulatedNode : ILiveDelivery, INodeBus
{
    private readonly WriterPartition _partition;
    private readonly Task _running;

    public SimulatedNode(IEventStore log, Views views, Simulation simulation, WriterOptions options)
    {
        var store = new SimulatedStore(log, simulation);
        var codec = new EventCodec();
        var sentIds = new SentIds(simulation.Clock.Now, new LogPosition(0));
        _partition = new WriterPartition(
            store, new ConversationLoader(store, codec, views),
            new Decider(codec, sentIds, simulation.Clock, NullLogger.Instance),
            sentIds, new IdLookUp(views, views, sentIds), this, this, new TracedAppends(), new Committed(),
            new ClockGuard(TimeProvider.System), options,
            simulation.Clock, NullLogger.Instance);
        _running = _partition.RunAsync();
    }

    /// <summary>The seqs that were handed to sockets, by conversation, in that order.</summary>
    public Dictionary<ConversationId, List<long>> Shown { get; } = [];

    /// <summary>What was announced to the other nodes.</summary>
    public List<CommittedEntries> Announced { get; } = [];

    /// <summary>What other nodes announced to this one.</summary>
    public List<CommittedEntries> Noticed { get; } = [];

    /// <summary>The highest watermarks that authors were told of.</summary>
    public Dictionary<(ConversationId, UserId), (long Delivered, long Read)> Receipts { get; } = [];

    public int Waiting => _partition.Waiting;

    public bool HasEnded => _running.IsCompleted;

    public void Post(Pending request) => _partition.Post(request);

    public void Notice(CommittedEntries news)
    {
        Noticed.Add(news);
        _partition.Notice(news.Conversation, news.FirstSeq, news.LastSeq, isWatched: true);
    }

    public void Publish(IReadOnlyList<LiveEntry> entries, IReadOnlyCollection<UserId> members)
    {
        foreach (var entry in entries)
        {
            if (!Shown.TryGetValue(entry.Entry.Conversation, out var shown))
                Shown.Add(entry.Entry.Conversation, shown = []);
            if (shown.Count == 0 || shown[^1] != entry.Entry.Revision) // An edit goes to two audiences.
                shown.Add(entry.Entry.Revision);
        }
    }

    public void Publish(LiveReceipt receipt)
    {
        var key = (receipt.Conversation, receipt.User);
        var (delivered, read) = Receipts.GetValueOrDefault(key, (-1, -1));
        Receipts[key] = (Math.Max(delivered, receipt.DeliveredSeq), Math.Max(read, receipt.ReadSeq));
    }

    public void Announce(CommittedEntries entries) => Announced.Add(entries);

    public void Announce(LiveReceipt receipt)
    {
    }

    public void Announce(LiveTyping typing)
    {
    }
}
