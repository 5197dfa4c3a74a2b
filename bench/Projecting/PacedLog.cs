using System.Diagnostics;
using System.Runtime.CompilerServices;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Infrastructure.Serialization;

namespace ChatCqrs.Projecting;

/// <summary>
/// A log in memory that produces messages and receipts at a steady rate, so that the bench measures the projections
/// alone.
/// </summary>
internal sealed class PacedLog(int conversations, int rate, TimeSpan duration) : IEventStore
{
    private const int SealedSize = 228;
    private static readonly TimeSpan PageEvery = TimeSpan.FromMilliseconds(4);

    private readonly EventCodec _codec = new();
    private readonly Pair[] _pairs = [.. Enumerable.Range(0, conversations).Select(_ => new Pair())];
    private ulong _position;

    public int Messages { get; private set; }

    public LogPosition Head { get; private set; }

    public async IAsyncEnumerable<IReadOnlyList<StoredEvent>> SubscribeAllAsync(
        LogPosition after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var chunk in _pairs.Chunk(500))
            yield return [.. chunk.Select(Start)];

        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(PageEvery);
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            await timer.WaitForNextTickAsync(cancellationToken);
            var due = (int)(Stopwatch.GetElapsedTime(started).TotalSeconds * rate) - Messages;
            var page = new List<StoredEvent>(due * 2);
            for (var n = 0; n < due; n++)
                AddCycle(page);
            if (page.Count > 0)
                yield return page;
        }

        Head = new LogPosition(_position);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    public Task<LogPosition> HeadAsync(CancellationToken cancellationToken) =>
        Task.FromResult(new LogPosition(_position));

    public Task<IReadOnlyList<AppendOutcome>> AppendAsync(
        IReadOnlyList<StreamAppend> appends, CancellationToken cancellationToken) =>
        throw new NotSupportedException();



    public Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
        string stream, long from, ReadDirection direction, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<LogEnds> EndsAsync(
        LogPosition after, LogPosition through, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<EventEnd?>> EndsOfAsync(
        IReadOnlyList<EventPlace> events, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<StoredEvent>> ReadPageAsync(
        string stream, long from, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task TruncateAsync(string stream, long before, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    private StoredEvent Start(Pair pair)
    {
        var started = new ConversationEvent.ConversationStarted(
            ConversationKind.Direct, pair.One, [pair.One, pair.Other])
        {
            At = Now,
        };
        return Record(pair.Stream, pair.Seq++, started, pair);
    }

    private void AddCycle(List<StoredEvent> page)
    {
        var pair = _pairs[Messages++ % _pairs.Length];
        var (sender, receiver) = Messages / _pairs.Length % 2 == 0 ? (pair.One, pair.Other) : (pair.Other, pair.One);
        var content = new byte[SealedSize];
        Random.Shared.NextBytes(content);
        page.Add(Record(pair.Stream, pair.Seq, new ConversationEvent.MessageSent(
            new MessageId(Guid.CreateVersion7()), sender, pair.Device, MessageType.Text,
            new SealedContent("day-2026-12-24", content),
            new Fingerprint((UInt128)Messages), null, Now.AddDays(30))
        { At = Now }, pair));
        var delivered = new ReceiptEvent.MessageDelivered(receiver, pair.Device, pair.Seq++) { At = Now };
        page.Add(Record(pair.Receipts, pair.Receipt++, delivered, pair));
    }

    private StoredEvent Record(string stream, long revision, object @event, Pair pair)
    {
        var context = new EventContext(
            Guid.CreateVersion7(), Now, new Actor(pair.One, pair.Device), "4bf92f3577b34da6a3ce929d0e0e4736", null);
        var (data, _) = _codec.Encode(@event, context, IEventCodec.FirstLink);
        return new StoredEvent(
            stream, revision, new LogPosition(++_position), data.EventId, data.Type, data.Payload, data.Metadata);
    }

    private static DateTimeOffset Now =>
        DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

    private sealed class Pair
    {
        public Pair()
        {
            var id = new ConversationId(Guid.NewGuid());
            (Stream, Receipts) = (StreamName.Of(id), StreamName.OfReceipts(id));
        }

        public string Stream { get; }
        public string Receipts { get; }
        public UserId One { get; } = new(Guid.NewGuid());
        public UserId Other { get; } = new(Guid.NewGuid());
        public DeviceId Device { get; } = new(Guid.NewGuid());
        public long Seq { get; set; }
        public long Receipt { get; set; }
    }
}
