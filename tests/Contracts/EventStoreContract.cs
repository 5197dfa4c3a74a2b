using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Contracts;

/// <summary>
/// The contract of <see cref="IEventStore"/>. Each adapter has a one-line subclass. All tests share the log, which may
/// hold other streams: each test has its own streams.
/// </summary>
public abstract partial class EventStoreContract<TFixture>(TFixture fixture) : IClassFixture<TFixture>, IAsyncLifetime
    where TFixture : class, IEventStoreFixture
{
    private static readonly CancellationToken None = CancellationToken.None;

    protected IEventStore Store => fixture.Store;

    public Task InitializeAsync()
    {
        Skip.If(fixture.Missing is not null, fixture.Missing);
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => Task.CompletedTask;

    private async Task<AppendOutcome> AppendAsync(string stream, long expected, params EventData[] events) =>
        (await Store.AppendAsync([new StreamAppend(stream, expected, events)], None)).Single();

    /// <summary>Appends, which must succeed, and returns the position.</summary>
    private async Task<LogPosition> AppendedAsync(string stream, long expected, params EventData[] events)
    {
        var appended = Assert.IsType<AppendOutcome.Appended>(await AppendAsync(stream, expected, events));
        Assert.Equal(expected + events.Length, appended.LastRevision);
        return appended.Position;
    }

    private Task<IReadOnlyList<StoredEvent>> ForwardsAsync(string stream, long from = 0, int limit = 10_000) =>
        Store.ReadStreamAsync(stream, from, ReadDirection.Forwards, limit, None);

    private Task<IReadOnlyList<StoredEvent>> BackwardsAsync(
        string stream, long from = long.MaxValue, int limit = 10_000) =>
        Store.ReadStreamAsync(stream, from, ReadDirection.Backwards, limit, None);

    /// <summary>A new stream for each prefix of the product's streams.</summary>
    private static string[] OneOfEachKind() => [.. StreamName.Prefixes.Select(prefix => prefix + Guid.NewGuid())];

    private static IEnumerable<long> Revisions(IEnumerable<StoredEvent> events) => events.Select(e => e.Revision);

    private static IEnumerable<Guid> Ids(IEnumerable<StoredEvent> events) => events.Select(e => e.EventId);

    private static IEnumerable<Guid> Ids(IEnumerable<EventData> events) => events.Select(e => e.EventId);
}
