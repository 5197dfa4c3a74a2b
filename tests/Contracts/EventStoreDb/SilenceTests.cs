using System.Diagnostics;
using ChatCqrs.Application.Ports;
using ChatCqrs.Contracts.EventStoreDb.StandIn;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.EventStoreDb;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using State = ChatCqrs.Infrastructure.EventStoreDb.Protocol.MemberInfo.Types.VNodeState;

namespace ChatCqrs.Contracts.EventStoreDb;

/// <summary>A cluster of three in which nodes are silent, cut off or deposed, rather than dead.</summary>
public sealed class SilenceTests : IAsyncLifetime
{
    private const int DeadlineMs = 4_000;

    /// <summary>For stores of which nothing depends on how long they wait.</summary>
    private const int PatientMs = 30_000;

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly NodeLog _log = new();
    private readonly List<IDisposable> _stores = [];
    private StandInNode[] _nodes = [];

    private StandInNode One => _nodes[0];
    private StandInNode Two => _nodes[1];
    private StandInNode Three => _nodes[2];

    public async Task InitializeAsync()
    {
        _nodes = [await NodeAsync(), await NodeAsync(), await NodeAsync()];
        Leads(One, Two, Three);

        async Task<StandInNode> NodeAsync() => await StandInNode.StartAsync(_log);
    }

    public async Task DisposeAsync()
    {
        foreach (var store in _stores)
            store.Dispose();
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }

    [Fact]
    public async Task A_leader_that_is_silent_is_left_and_writes_go_on_at_the_next_one()
    {
        var (store, stream) = (Store(), Some.Stream());
        await AppendAsync(store, stream, StreamAppend.NoStream);
        (One.Answers, One.Gossips) = (false, false);

        // Nobody has noticed yet: the others still name the silent one.
        var started = Stopwatch.GetTimestamp();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => AppendAsync(store, stream, 0));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromMilliseconds(DeadlineMs));
        Leads(Two, Three);

        await AppendAsync(store, stream, 0);
        Assert.Equal(1, Two.Appends);
        Assert.Equal(2, (await store.ReadStreamAsync(stream, 0, ReadDirection.Forwards, 10, None)).Count);
    }

    [Fact]
    public async Task An_append_waits_for_the_next_leader_and_does_not_ask_the_silent_one_again()
    {
        var (store, stream) = (Store(), Some.Stream());
        await AppendAsync(store, stream, StreamAppend.NoStream);
        (One.Answers, One.Gossips) = (false, false);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => AppendAsync(store, stream, 0));
        var asked = One.Appends;
        var appending = AppendAsync(store, stream, 0);
        Leads(Two, Three);

        await appending;

        Assert.Equal(asked, One.Appends);
    }

    [Fact]
    public async Task A_read_that_a_silent_node_does_not_answer_fails_in_time_and_the_next_one_is_answered()
    {
        var store = Store();
        await store.HeadAsync(None);
        (One.Answers, One.Gossips) = (false, false);
        Leads(Two, Three);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.HeadAsync(None));

        await store.HeadAsync(None);
    }

    [Fact]
    public async Task A_node_that_is_not_ready_is_left()
    {
        var (store, stream) = (Store(), Some.Stream());
        await AppendAsync(store, stream, StreamAppend.NoStream);
        One.IsReady = false;
        Leads(Two, One, Three);

        var outcome = (await store.AppendAsync([new StreamAppend(stream, 0, Some.Events(1))], None)).Single();
        Assert.IsType<StoreUnavailableException>(Assert.IsType<AppendOutcome.Failed>(outcome).Reason);

        await AppendAsync(store, stream, 0);
        Assert.Equal(1, Two.Appends);
    }

    [Fact]
    public async Task Hosts_that_are_silent_delay_nobody()
    {
        (One.Gossips, Two.Gossips) = (false, false);
        Leads(Three, One, Two);

        await AppendAsync(Store("gossipTimeout=600000", PatientMs), Some.Stream(), StreamAppend.NoStream);
    }

    [Fact]
    public async Task When_all_hosts_are_silent_a_call_fails_in_time()
    {
        foreach (var node in _nodes)
            node.Gossips = false;
        var store = Store("gossipTimeout=600000");

        var started = Stopwatch.GetTimestamp();
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => AppendAsync(store, Some.Stream(), StreamAppend.NoStream).WaitAsync(Eventually.Deadline));
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => store.HeadAsync(None).WaitAsync(Eventually.Deadline));

        Assert.InRange(
            Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromMilliseconds(2.5 * DeadlineMs));
    }

    /// <summary>It still thinks that it leads: cut off, or with a view from before the election.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_deposed_leader_that_answers_first_is_not_believed(bool seesOthersAlive)
    {
        Leads(Two, Three);
        One.Members =
        [
            One.As(State.Leader), Two.As(State.Follower, seesOthersAlive), Three.As(State.Follower, seesOthersAlive),
        ];
        Two.GossipsAfter = One.Gossiped.Task;
        Three.GossipsAfter = One.Gossiped.Task;

        await AppendAsync(Store(deadlineMs: PatientMs), Some.Stream(), StreamAppend.NoStream);

        Assert.Equal((0, 1), (One.Appends, Two.Appends));
    }

    [Theory]
    [InlineData("silent")]
    [InlineData("cut off")]
    public async Task A_subscription_leaves_a_node_that_is_cut_off_from_its_cluster(string how)
    {
        var (store, stream) = (Store("keepAliveInterval=-1"), Some.Stream());
        await AppendAsync(store, stream, StreamAppend.NoStream);
        await using var first = store.SubscribeAllAsync(LogPosition.Start, None).GetAsyncEnumerator();
        Assert.True(await first.MoveNextAsync());
        var seen = first.Current[^1].Position;

        One.Delivers = false;
        if (how == "silent")
            (One.Answers, One.Gossips) = (false, false);
        else
            One.Members = [One.As(State.Unknown), Two.As(State.Follower, false), Three.As(State.Follower, false)];
        Leads(Two, Three);
        await AppendAsync(Store(), stream, 0);

        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => first.MoveNextAsync().AsTask().WaitAsync(Eventually.Deadline));
        await using var second = store.SubscribeAllAsync(seen, None).GetAsyncEnumerator();
        Assert.True(await second.MoveNextAsync().AsTask().WaitAsync(Eventually.Deadline));
        Assert.Equal(1, Assert.Single(second.Current).Revision);
    }

    [Fact]
    public async Task A_subscription_stays_with_a_node_of_the_cluster_however_little_happens()
    {
        var (store, stream) = (Store(deadlineMs: 400), Some.Stream());
        await AppendAsync(Store(), stream, StreamAppend.NoStream);
        await using var events = store.SubscribeAllAsync(LogPosition.Start, None).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        var next = events.MoveNextAsync().AsTask();

        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        One.OnGossip = times =>
        {
            if (times > 10)
                asked.TrySetResult();
        };
        await asked.Task.WaitAsync(Eventually.Deadline);
        Assert.False(next.IsCompleted);

        await AppendAsync(Store(), stream, 0);
        Assert.True(await next);
        Assert.Equal(1, One.Subscriptions);
    }

    /// <summary>All nodes say so, but for those that are dead.</summary>
    private static void Leads(StandInNode leader, params StandInNode[] followers)
    {
        StandInNode[] alive = [leader, .. followers];
        foreach (var node in alive)
            node.Members = [leader.As(State.Leader), .. followers.Select(follower => follower.As(State.Follower))];
    }

    private EventStoreDbEventStore Store(string options = "connectionName=specs", int deadlineMs = DeadlineMs)
    {
        var hosts = string.Join(',', _nodes.Select(node => node.Address));
        var settings = EventStoreDbSettings.Parse(
            $"esdb+discover://{hosts}?tls=false&defaultDeadline={deadlineMs}&{options}");
        var store = new EventStoreDbEventStore(settings, NullLogger<EventStoreDbEventStore>.Instance);
        _stores.Add(store);
        return store;
    }

    private static async Task AppendAsync(IEventStore store, string stream, long expected)
    {
        var append = new StreamAppend(stream, expected, Some.Events(1));
        Assert.IsType<AppendOutcome.Appended>((await store.AppendAsync([append], None)).Single().OrThrow());
    }
}
