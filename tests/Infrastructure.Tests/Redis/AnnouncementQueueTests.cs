using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Infrastructure.Redis;

namespace ChatCqrs.Infrastructure.Tests.Redis;

/// <summary>Which announcements wait, which go first, and which are dropped.</summary>
public sealed class AnnouncementQueueTests
{
    private readonly AnnouncementQueue _queue = new();

    [Fact]
    public async Task Entries_go_first_then_receipts_then_typing_each_kind_in_order()
    {
        for (var n = 0; n < 3; n++)
        {
            _queue.Put(Typing());
            _queue.Put(Receipt(n));
            _queue.Put(Entries(n));
        }

        var taken = (await TakeAllAsync()).Select(Describe);

        Assert.Equal(["entries 0", "entries 1", "entries 2", "receipt 0", "receipt 1", "receipt 2",
            "typing", "typing", "typing"], taken);
    }

    [Fact]
    public async Task Receipts_and_typing_take_no_room_of_entries_and_what_does_not_fit_is_counted()
    {
        using var dropped = new DroppedCounts();
        for (var n = 0; n < AnnouncementQueue.ReceiptsMax + 7; n++)
            _queue.Put(Receipt(n));
        for (var n = 0; n < AnnouncementQueue.TypingMax + 5; n++)
            _queue.Put(Typing());
        for (var n = 0; n < AnnouncementQueue.EntriesMax + 3; n++)
            _queue.Put(Entries(n));

        Assert.Equal((3, 7, 5), (dropped["entries"], dropped["receipt"], dropped["typing"]));
        var taken = await TakeAllAsync();
        Assert.Equal(
            AnnouncementQueue.EntriesMax + AnnouncementQueue.ReceiptsMax + AnnouncementQueue.TypingMax, taken.Count);
        Assert.Equal("entries 0", Describe(taken[0])); // The oldest ones are kept.
        Assert.Equal(
            $"entries {AnnouncementQueue.EntriesMax - 1}", Describe(taken[AnnouncementQueue.EntriesMax - 1]));
    }

    [Fact]
    public async Task What_comes_while_a_batch_is_sent_is_taken_too()
    {
        await using var batches = _queue.TakeAllAsync(max: 2).GetAsyncEnumerator();
        var next = batches.MoveNextAsync();
        Assert.False(next.IsCompleted);
        for (var n = 0; n < 3; n++)
            _queue.Put(Entries(n));

        Assert.True(await next);
        var first = batches.Current.Select(Describe).ToList();
        Assert.True(await batches.MoveNextAsync());
        var second = batches.Current.Select(Describe).ToList();
        next = batches.MoveNextAsync();
        _queue.Put(Receipt(4));
        Assert.True(await next);

        Assert.Equal(["entries 0", "entries 1", "entries 2"], first.Concat(second));
        Assert.Equal(["receipt 4"], batches.Current.Select(Describe));
        _queue.Complete();
        Assert.False(await batches.MoveNextAsync());
    }

    private async Task<List<Announcement>> TakeAllAsync()
    {
        _queue.Complete();
        var taken = new List<Announcement>();
        await foreach (var batch in _queue.TakeAllAsync(max: 100))
            taken.AddRange(batch);
        return taken;
    }

    private static string Describe(Announcement announcement) =>
        announcement.Entries is { } entries ? $"entries {entries.First}"
        : announcement.Receipt is { } receipt ? $"receipt {receipt.Read}"
        : "typing";

    private static Announcement Entries(long seq) =>
        new(new EntriesItem(Guid.NewGuid(), seq, seq, []), null);

    private static Announcement Receipt(long seq) => new(
        null, new ReceiptItem(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), seq, seq, DateTimeOffset.UnixEpoch, []));

    private static Announcement Typing() => new(null, null, new TypingItem(Guid.NewGuid(), Guid.NewGuid(), true, []));

    /// <summary>The metric <c>chat.announcements.dropped</c> by kind.</summary>
    private sealed class DroppedCounts : IDisposable
    {
        private readonly Dictionary<string, long> _counts = [];
        private readonly MeterListener _listener = new();

        public DroppedCounts()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter == Telemetry.Meter && instrument.Name == "chat.announcements.dropped")
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
            {
                var kind = (string)tags[0].Value!;
                _counts[kind] = _counts.GetValueOrDefault(kind) + count;
            });
            _listener.Start();
        }

        public long this[string kind] => _counts.GetValueOrDefault(kind);

        public void Dispose() => _listener.Dispose();
    }
}
