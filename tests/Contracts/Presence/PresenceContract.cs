using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Testing;

namespace ChatCqrs.Contracts.Presence;

/// <summary>The nodes for all tests of a class.</summary>
public interface IPresenceFixture : IAsyncLifetime
{
    /// <summary>What this machine lacks to run the suite; null when it can run.</summary>
    string? Missing { get; }

    Task<PresenceNode> StartNodeAsync();
}

/// <summary>A node's presence and its sockets.</summary>
public sealed class PresenceNode(IPresence presence, Sockets sockets, Func<Task> stop) : IAsyncDisposable
{
    public IPresence Presence { get; } = presence;

    public void Come(UserId user)
    {
        sockets.Open(user);
        Presence.Report(user);
    }

    public void Go(UserId user)
    {
        sockets.Close(user);
        Presence.Report(user);
    }

    public async Task<PresenceState> OfAsync(UserId user) =>
        (await Presence.OfAsync([user], CancellationToken.None))[user];

    public Task ShowsAsync(UserId user, bool online) => Eventually.IsTrue(
        async () => (await OfAsync(user)).Online == online, online ? "the user is online" : "the user is gone");

    public async ValueTask DisposeAsync() => await stop();
}

/// <summary>The open sockets of a node.</summary>
public sealed class Sockets : INodeBusReceiver
{
    private readonly HashSet<UserId> _open = [];

    public void Open(UserId user)
    {
        lock (_open)
            _open.Add(user);
    }

    public void Close(UserId user)
    {
        lock (_open)
            _open.Remove(user);
    }

    public bool HasSocket(UserId user)
    {
        lock (_open)
            return _open.Contains(user);
    }

    public IReadOnlyCollection<UserId> WithSockets()
    {
        lock (_open)
            return [.. _open];
    }

    public void Receive(CommittedEntries entries) => throw new NotSupportedException();

    public void Receive(LiveReceipt receipt) => throw new NotSupportedException();

    public void Receive(LiveTyping typing) => throw new NotSupportedException();
}

/// <summary>The contract of <see cref="IPresence"/>. Each adapter has a subclass.</summary>
public abstract class PresenceContract<TFixture>(TFixture fixture) : IClassFixture<TFixture>
    where TFixture : class, IPresenceFixture
{
    protected static UserId SomeUser() => new(Guid.CreateVersion7());

    protected TFixture Fixture
    {
        get
        {
            Skip.If(fixture.Missing is not null, fixture.Missing);
            return fixture;
        }
    }

    [SkippableFact]
    public async Task Who_was_never_here_is_not_online_and_was_never_seen()
    {
        await using var node = await Fixture.StartNodeAsync();

        Assert.Equal(new PresenceState(false, null), await node.OfAsync(SomeUser()));
        Assert.Empty(await node.Presence.OfAsync([], CancellationToken.None));
    }

    [SkippableFact]
    public async Task Who_comes_is_online_and_who_goes_was_last_seen_then()
    {
        await using var node = await Fixture.StartNodeAsync();
        var (ann, ben) = (SomeUser(), SomeUser());
        node.Come(ann);
        await node.ShowsAsync(ann, online: true);
        Assert.Equal(new PresenceState(true, null), await node.OfAsync(ann));

        var before = DateTimeOffset.UtcNow.AddMilliseconds(-1);
        node.Go(ann);
        await Eventually.IsTrue(
            async () => (await node.OfAsync(ann)).LastSeen is not null, "it is known when they went");

        var states = await node.Presence.OfAsync([ann, ben, ann], CancellationToken.None);
        Assert.Equal(2, states.Count);
        Assert.False(states[ann].Online);
        Assert.InRange(states[ann].LastSeen!.Value, before, DateTimeOffset.UtcNow);
        Assert.Equal(new PresenceState(false, null), states[ben]);

        node.Come(ann);
        await node.ShowsAsync(ann, online: true);
        Assert.Null((await node.OfAsync(ann)).LastSeen);
    }

    [SkippableFact]
    public async Task Every_change_is_told()
    {
        await using var node = await Fixture.StartNodeAsync();
        var ann = SomeUser();
        var told = 0;
        node.Presence.Changed += user => Interlocked.Add(ref told, user == ann ? 1 : 0);

        node.Come(ann);
        await Eventually.IsTrue(() => Volatile.Read(ref told) == 1, "the coming is told");
        node.Go(ann);
        await Eventually.IsTrue(() => Volatile.Read(ref told) == 2, "the going is told");
    }
}
