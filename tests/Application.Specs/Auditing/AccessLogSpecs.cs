using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Specs.Auditing;

public sealed class AccessLogSpecs
{
    private static readonly UserId Ann = new(Guid.CreateVersion7());
    private static readonly DeviceId Phone = new(Guid.CreateVersion7());
    private static readonly ConversationId Conversation = new(Guid.CreateVersion7());
    private static readonly MatterId Matter = new(Guid.CreateVersion7());
    private static readonly AuditAccess Access = new(Ann, Phone, "state", Conversation, Matter, "as_of_seq=7", true);

    private readonly InMemoryEventStore _store = new();
    private readonly EventCodec _codec = new();
    private readonly AccessLog _log;

    public AccessLogSpecs() => _log = Log();

    [Fact]
    public async Task An_access_and_what_was_delivered_are_events_of_the_auditor()
    {
        var hash = new byte[32];

        var access = await _log.RecordAsync(Access, default);
        await _log.DeliveredAsync(access, 50, hash, default);

        var facts = await FactsAsync();
        Assert.Equal(access, new AccessId(Ann, facts[0].EventId));
        Assert.Equal(new Actor(Ann, Phone), facts[0].Actor);
        Assert.Equal(
            new AuditEvent.AuditAccessed(
                Ann, Phone, "state", Conversation, Matter, "as_of_seq=7", Content: true, WithoutApproval: false)
            { At = facts[0].At },
            facts[0].Event);
        var delivered = Assert.IsType<AuditEvent.AuditDelivered>(facts[1].Event);
        Assert.Equal((facts[0].EventId, 50), (delivered.Access, delivered.Entries));
        Assert.Equal(hash, delivered.Sha256.ToArray());
    }

    [Fact]
    public async Task An_access_notes_that_matters_need_no_approval()
    {
        await Log(AuditOptions.None).RecordAsync(Access, default);

        Assert.True(Assert.IsType<AuditEvent.AuditAccessed>(Assert.Single(await FactsAsync()).Event).WithoutApproval);
    }

    [Fact]
    public async Task Accesses_of_several_nodes_at_once_are_one_chain()
    {
        AccessLog[] nodes = [Log(), Log(), Log()];

        await Task.WhenAll(Enumerable.Range(0, 30).Select(async n =>
        {
            var access = await nodes[n % nodes.Length].RecordAsync(Access with { Call = $"call_{n}" }, default);
            await nodes[(n + 1) % nodes.Length].DeliveredAsync(access, n, new byte[32], default);
        }));

        var stored = await StoredAsync();
        Assert.Equal(60, stored.Count);
        Assert.Null(EventChain.FirstBroken(IEventCodec.FirstLink, stored));
        var calls = (await FactsAsync()).Select(fact => fact.Event).OfType<AuditEvent.AuditAccessed>();
        Assert.Equal(30, calls.Select(access => access.Call).Distinct().Count());
    }

    [Fact]
    public async Task An_append_that_is_not_answered_is_repeated_and_happens_once()
    {
        _store.Unanswered = StreamName.OfAuditor(Ann);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _log.RecordAsync(Access, default));
        _store.Unanswered = null;

        Assert.Single(await StoredAsync());
        await _log.RecordAsync(Access, default);
        Assert.Null(EventChain.FirstBroken(IEventCodec.FirstLink, await StoredAsync()));
    }

    [Fact]
    public async Task Without_the_log_there_is_no_access()
    {
        _store.Reachable = false;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => _log.RecordAsync(Access, default));

        _store.Reachable = true;
        Assert.Empty(await StoredAsync());
    }

    private AccessLog Log(string approval = AuditOptions.FourEyes) => new(
        new AuditWriter(_store, _codec, new ClockGuard(TimeProvider.System), TimeProvider.System),
        Options.Create(new AuditOptions { Approval = approval }));

    private Task<IReadOnlyList<StoredEvent>> StoredAsync() =>
        _store.ReadStreamAsync(StreamName.OfAuditor(Ann), 0, ReadDirection.Forwards, 1_000, default);

    private async Task<List<Recorded>> FactsAsync() => [.. (await StoredAsync()).Select(_codec.Decode)];
}
