using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>The events move to another store, where they have other positions.</summary>
public sealed class LogMoveTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly ConversationId _conversation = new(Guid.NewGuid());
    private readonly InMemoryEventStore _new = new();
    private AuditDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await AuditDatabase.CreateAsync();
        for (var batch = 0; batch < 4; batch++)
        {
            await _database.AppendAsync(StreamName.Of(_conversation), events: 2);
            await _database.AppendAsync(Some.Stream(), events: 1);
            await _database.Node().AppendAsync(None);
        }
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Moved_events_keep_their_proofs_and_the_log_goes_on()
    {
        await CopyAsync(stored => stored);
        var before = await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None);

        var entry = await Move().RunAsync(_database.Store, _new, None);

        Assert.Equal((await _database.Store.HeadAsync(None), await _new.HeadAsync(None)), (entry.From, entry.To));
        Assert.NotEqual(entry.From, entry.To);
        Assert.Equal(entry, LogRecord.Parse((await _database.Log.EntriesAsync(5, 1, None))[0]));
        Assert.Null(await _database.Node(store: _new).AppendAsync(None)); // Signs the entry.
        Assert.NotEqual(before, await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
        var queries = new AuditLogQueries(_database.Source, _new, _database.Secrets);
        var proof = TlogProof.Parse((await queries.ProofAsync(_conversation, None))!);
        Assert.Equal(_database.HashOf(StreamName.Of(_conversation)), HeadProof.Parse(proof.Extra).Head.Hash);
        Assert.Equal(4, (await queries.OfAsync(_conversation, 7, None))!.Batch);
        Assert.Equal(1, (await queries.OfAsync(_conversation, 0, None))!.Batch);

        var appended = await _new.AppendAsync(
            [new StreamAppend(Some.Stream(), StreamAppend.NoStream, await LinkedAsync())], None);
        Assert.IsType<AppendOutcome.Appended>(appended[0]);
        var batch = (await _database.Node(store: _new).AppendAsync(None))!.Entry;
        Assert.Equal((5, 1, await _new.HeadAsync(None)), (batch.Number, batch.Heads, batch.Position));
        var verified = new List<VerifiedBatch>();
        var verification = new LogVerification(_database.Source, _new, new EventCodec(), _database.Secrets);
        await foreach (var one in verification.VerifyAsync(0, long.MaxValue, None))
            verified.Add(one);
        Assert.Equal([1, 2, 3, 4], verified.Where(one => one.Difference is null).Select(one => one.Number));
    }

    [Theory]
    [InlineData("missing", "lacks events")]
    [InlineData("changed", "other events in batch")]
    [InlineData("exchanged", "other events in batch")]
    [InlineData("more", "more events")]
    public async Task A_store_that_is_not_the_same_is_refused(string how, string what)
    {
        await CopyAsync(stored => how switch
        {
            "missing" => [.. stored.SkipLast(1)],
            "changed" => [.. stored.Select((one, at) => at == 1 ? one with { Metadata = stored[3].Metadata } : one)],
            "exchanged" => [.. stored.Skip(6), .. stored.Take(6)],
            _ => stored,
        });
        if (how == "more")
            await _new.AppendAsync(
                [new StreamAppend(Some.Stream(), StreamAppend.NoStream, await LinkedAsync())], None);

        var refused = await Assert.ThrowsAnyAsync<LogMoveException>(
            () => Move().RunAsync(_database.Store, _new, None));

        Assert.Contains(what, refused.Message);
        Assert.Equal(5, (await _database.Log.StateAsync(None))!.Size);
    }

    [Fact]
    public async Task Events_that_are_in_no_batch_are_refused()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);

        var refused = await Assert.ThrowsAsync<LogMoveException>(() => Move().RunAsync(_database.Store, _new, None));

        Assert.Contains("in no batch", refused.Message);
    }

    private LogMove Move() => new(_database.Source, _database.Clock);

    /// <summary>A linked event of a stream of its own.</summary>
    private async Task<IReadOnlyList<EventData>> LinkedAsync()
    {
        var stored = await _database.Store.ReadStreamAsync(
            StreamName.Of(_conversation), 0, ReadDirection.Forwards, 1, None);
        return [DataOf(stored[0]) with { EventId = Guid.NewGuid() }];
    }

    /// <summary>Copies the events in their order, after others, so that all have other positions.</summary>
    private async Task CopyAsync(Func<List<StoredEvent>, List<StoredEvent>> change)
    {
        await _new.AppendAsync([new StreamAppend("elsewhere", StreamAppend.NoStream, Some.Events(3))], None);
        var events = new List<StoredEvent>();
        var head = await _database.Store.HeadAsync(None);
        await foreach (var page in _database.Store.SubscribeAllAsync(LogPosition.Start, None))
        {
            events.AddRange(page);
            if (events[^1].Position >= head)
                break;
        }

        var revisions = new Dictionary<string, long>();
        foreach (var stored in change(events))
        {
            var revision = revisions.GetValueOrDefault(stored.Stream, StreamAppend.NoStream);
            var outcome = await _new.AppendAsync([new StreamAppend(stored.Stream, revision, [DataOf(stored)])], None);
            Assert.IsType<AppendOutcome.Appended>(outcome[0]);
            revisions[stored.Stream] = revision + 1;
        }
    }

    private static EventData DataOf(StoredEvent stored) =>
        new(stored.EventId, stored.Type, stored.Payload, stored.Metadata);
}
