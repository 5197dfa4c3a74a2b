using System.Diagnostics.Metrics;
using System.Threading.Channels;
using ChatCqrs.Application;

namespace ChatCqrs.Infrastructure.Redis;

/// <summary>
/// Announcements that wait for Redis: entries before receipts before typing, each kind with a bound of its own. What
/// does not fit is dropped and counted. Other nodes then find the entries in the log within two seconds, and a later
/// receipt replaces a dropped one (docs/adr/0003).
/// </summary>
internal sealed class AnnouncementQueue
{
    /// <summary>The most announcements of entries that wait.</summary>
    public const int EntriesMax = 20_000;

    /// <summary>The most receipts that wait.</summary>
    public const int ReceiptsMax = 10_000;

    /// <summary>The most <c>typing</c> that wait.</summary>
    public const int TypingMax = 1_000;

    private static readonly Counter<long> Dropped = Telemetry.Meter.CreateCounter<long>(
        "chat.announcements.dropped", "{announcement}", "Announcements that other nodes did not get, by kind.");

    private readonly Channel<Announcement>[] _kinds = [Bounded(EntriesMax), Bounded(ReceiptsMax), Bounded(TypingMax)];

    /// <summary>Holds an item while something may wait.</summary>
    private readonly Channel<bool> _work = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Queues an announcement, or drops it.</summary>
    public void Put(Announcement announcement)
    {
        if (_kinds[KindOf(announcement)].Writer.TryWrite(announcement))
            _work.Writer.TryWrite(true);
        else
            CountDropped(announcement);
    }

    /// <summary>Takes what waits, until the queue is complete and empty.</summary>
    /// <param name="max">The most announcements of a batch.</param>
    public async IAsyncEnumerable<IReadOnlyList<Announcement>> TakeAllAsync(int max)
    {
        while (await _work.Reader.WaitToReadAsync())
        {
            _work.Reader.TryRead(out _); // Before the look: what comes during it is work again.
            while (Take(max) is { Count: > 0 } batch)
                yield return batch;
        }
    }

    /// <summary>Nothing more is taken in.</summary>
    public void Complete()
    {
        foreach (var kind in _kinds)
            kind.Writer.TryComplete();
        _work.Writer.TryComplete();
    }

    /// <summary>Counts an announcement that is lost.</summary>
    public static void CountDropped(Announcement announcement) => Dropped.Add(
        1, new KeyValuePair<string, object?>("kind", KindOf(announcement) switch
        {
            0 => "entries",
            1 => "receipt",
            _ => "typing",
        }));

    private List<Announcement> Take(int max)
    {
        var batch = new List<Announcement>();
        foreach (var kind in _kinds)
        {
            while (batch.Count < max && kind.Reader.TryRead(out var announcement))
                batch.Add(announcement);
        }

        return batch;
    }

    private static int KindOf(Announcement announcement) =>
        announcement.Entries is not null ? 0 : announcement.Receipt is not null ? 1 : 2;

    private static Channel<Announcement> Bounded(int max) => Channel.CreateBounded<Announcement>(
        new BoundedChannelOptions(max) { SingleReader = true });
}
