using System.Collections.Concurrent;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Redis;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ChatCqrs.Contracts.Redis;

/// <summary>Announcements between nodes over a real Redis.</summary>
public sealed class RedisNodeBusTests : IAsyncLifetime
{
    private static readonly ConversationId Conversation = new(Guid.CreateVersion7());
    private static readonly UserId Ann = new(Guid.CreateVersion7());
    private static readonly UserId Ben = new(Guid.CreateVersion7());

    private readonly Heard _one = new();
    private readonly Heard _other = new();
    private readonly List<Func<Task>> _ends = [];
    private RedisServer? _server;
    private RedisNodeBus? _ones;
    private RedisNodeBus? _others;

    public async Task InitializeAsync()
    {
        if (RedisServer.Missing is not null)
            return;
        _server = await RedisServer.StartAsync();
        (_ones, _others) = (await JoinAsync(_one), await JoinAsync(_other));
    }

    public async Task DisposeAsync()
    {
        await EndAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [SkippableFact]
    public async Task What_one_node_announces_the_others_hear_and_it_does_not()
    {
        Skip.If(RedisServer.Missing is not null, RedisServer.Missing);
        var entries = new CommittedEntries(Conversation, 3, 5, [Ann, Ben]);
        var receipt = new LiveReceipt(
            Conversation, Ann, new DeviceId(Guid.CreateVersion7()), 5, 4,
            DateTimeOffset.FromUnixTimeMilliseconds(1_767_323_045_678), [Ben]);
        var typing = new LiveTyping(Conversation, Ben, Active: true, []);

        _ones!.Announce(entries);
        _ones.Announce(receipt);
        _ones.Announce(typing);
        _others!.Announce(typing with { Active = false });

        await Eventually.IsTrue(() => _other.All.Count == 3 && _one.All.Count == 1, "everything is heard");
        Assert.Equivalent(new object[] { entries, receipt, typing }, _other.All.ToArray(), strict: true);
        Assert.Equivalent(new object[] { typing with { Active = false } }, _one.All.ToArray(), strict: true);
    }

    [SkippableFact]
    public async Task Announcements_are_heard_in_the_order_in_which_they_were_made()
    {
        Skip.If(RedisServer.Missing is not null, RedisServer.Missing);
        const int count = 5_000;
        for (var seq = 0; seq < count; seq++)
            _ones!.Announce(new CommittedEntries(Conversation, seq, seq, [Ann]));

        await Eventually.IsTrue(() => _other.All.Count == count, "all are heard");
        Assert.Equal(
            Enumerable.Range(0, count).Select(seq => (long)seq),
            _other.All.Cast<CommittedEntries>().Select(entries => entries.FirstSeq));
    }

    [SkippableFact]
    public async Task After_an_interruption_they_hear_each_other_again()
    {
        Skip.If(RedisServer.Missing is not null, RedisServer.Missing);
        await using (var admin = await _server!.ConnectAsync())
            await admin.GetServer(admin.GetEndPoints()[0]).ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");

        await Eventually.IsTrue(
            () =>
            {
                _ones!.Announce(new CommittedEntries(Conversation, 1, 1, [Ann]));
                return !_other.All.IsEmpty;
            },
            "the other node hears again");
    }

    [SkippableFact]
    public async Task Nodes_that_start_before_Redis_hear_each_other_later()
    {
        Skip.If(RedisServer.Missing is not null, RedisServer.Missing);
        await using var later = RedisServer.Later();
        var (early, other) = (new Heard(), new Heard());
        var bus = await JoinAsync(early, later);
        await JoinAsync(other, later);

        await later.ComeAsync();

        await Eventually.IsTrue(
            () =>
            {
                bus.Announce(new CommittedEntries(Conversation, 1, 1, [Ann]));
                return !other.All.IsEmpty;
            },
            "the other node hears");
        await EndAsync(); // Before Redis stops.
    }

    [SkippableFact]
    public async Task A_node_that_never_found_Redis_stops()
    {
        Skip.If(RedisServer.Missing is not null, RedisServer.Missing);
        await using var never = RedisServer.Later();
        await JoinAsync(new Heard(), never);

        await EndAsync().WaitAsync(Eventually.Deadline);
    }

    private async Task EndAsync()
    {
        foreach (var end in _ends)
            await end();
        _ends.Clear();
    }

    private async Task<RedisNodeBus> JoinAsync(Heard heard, RedisServer? server = null)
    {
        var connection = await (server ?? _server!).ConnectAsync();
        var bus = new RedisNodeBus(connection, () => heard, NullLogger<RedisNodeBus>.Instance);
        await bus.StartAsync(CancellationToken.None);
        _ends.Add(async () =>
        {
            await bus.StopAsync(CancellationToken.None);
            await connection.DisposeAsync();
        });
        return bus;
    }

    private sealed class Heard : INodeBusReceiver
    {
        public ConcurrentQueue<object> All { get; } = [];

        public void Receive(CommittedEntries entries) => All.Enqueue(entries);

        public void Receive(LiveReceipt receipt) => All.Enqueue(receipt);

        public void Receive(LiveTyping typing) => All.Enqueue(typing);

        public bool HasSocket(UserId user) => false;

        public IReadOnlyCollection<UserId> WithSockets() => [];
    }
}
