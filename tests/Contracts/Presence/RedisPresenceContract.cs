using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Presence;
using ChatCqrs.Infrastructure.Redis;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace ChatCqrs.Contracts.Presence;

/// <summary>The contract on a real Redis, and the behaviour between nodes.</summary>
public sealed class RedisPresenceContract(RedisPresenceFixture fixture)
    : PresenceContract<RedisPresenceFixture>(fixture)
{
    [SkippableFact]
    public async Task Nodes_see_each_others_users()
    {
        await using var one = await Fixture.StartNodeAsync();
        await using var other = await Fixture.StartNodeAsync();
        var ann = SomeUser();
        var told = 0;
        other.Presence.Changed += user => Interlocked.Add(ref told, user == ann ? 1 : 0);

        one.Come(ann);
        await Eventually.IsTrue(() => Volatile.Read(ref told) > 0, "the other node is told");
        Assert.Equal(new PresenceState(true, null), await other.OfAsync(ann));

        one.Go(ann);
        await other.ShowsAsync(ann, online: false);
        Assert.NotNull((await other.OfAsync(ann)).LastSeen);
    }

    [SkippableFact]
    public async Task Who_is_on_two_nodes_is_online_until_they_have_left_both()
    {
        await using var one = await Fixture.StartNodeAsync();
        await using var other = await Fixture.StartNodeAsync();
        await using var third = await Fixture.StartNodeAsync();
        var ann = SomeUser();
        one.Come(ann);
        other.Come(ann);
        await third.ShowsAsync(ann, online: true);

        one.Go(ann);
        await Eventually.IsTrue(async () => await Fixture.NodesOfAsync(ann) == 1, "the first node has said so");
        Assert.True((await third.OfAsync(ann)).Online);

        other.Go(ann);
        await third.ShowsAsync(ann, online: false);
    }

    [SkippableFact]
    public async Task The_users_of_a_node_that_died_do_not_stay_online()
    {
        await using var one = await Fixture.StartNodeAsync();
        await using var other = await Fixture.StartNodeAsync();
        var ann = SomeUser();
        one.Come(ann);
        await other.ShowsAsync(ann, online: true);

        await Fixture.CutOffLastButOneAsync();

        await other.ShowsAsync(ann, online: false);
        await Eventually.IsTrue(async () => await Fixture.NodesOfAsync(ann) == 0, "what it has left is cleared away");
    }

    [SkippableFact]
    public async Task A_node_that_lives_again_is_not_cleared_away_by_who_found_it_dead()
    {
        await using var one = await Fixture.StartNodeAsync();
        await using var other = await Fixture.StartNodeAsync();
        var ann = SomeUser();
        one.Come(ann);
        await other.ShowsAsync(ann, online: true);

        await Fixture.ClearAwayLateAsync(ann, dead: "no-such-node");

        Assert.True((await other.OfAsync(ann)).Online);
        Assert.Equal(1, await Fixture.NodesOfAsync(ann));
    }

    [SkippableFact]
    public async Task A_node_that_stops_takes_its_users_with_it()
    {
        var one = await Fixture.StartNodeAsync();
        await using var other = await Fixture.StartNodeAsync();
        var ann = SomeUser();
        one.Come(ann);
        await other.ShowsAsync(ann, online: true);

        await one.DisposeAsync();

        await other.ShowsAsync(ann, online: false);
    }

    [SkippableFact]
    public async Task When_Redis_has_lost_everything_it_is_told_again()
    {
        await using var one = await Fixture.StartNodeAsync();
        await using var other = await Fixture.StartNodeAsync();
        var ann = SomeUser();
        one.Come(ann);
        await other.ShowsAsync(ann, online: true);

        await Fixture.ForgetEverythingAsync();

        await other.ShowsAsync(ann, online: true);
    }
}

public sealed class RedisPresenceFixture : IPresenceFixture
{
    private readonly List<ConnectionMultiplexer> _nodes = [];
    private RedisServer? _server;
    private ConnectionMultiplexer? _redis;

    public string? Missing => RedisServer.Missing;

    public async Task InitializeAsync()
    {
        if (Missing is not null)
            return;
        _server = await RedisServer.StartAsync();
        _redis = await _server.ConnectAsync();
    }

    public async Task<PresenceNode> StartNodeAsync()
    {
        var connection = await _server!.ConnectAsync();
        _nodes.Add(connection);
        var sockets = new Sockets();
        var options = new PresenceOptions
        {
            BeatEvery = TimeSpan.FromMilliseconds(100),
            NodeKept = TimeSpan.FromMilliseconds(1_500),
        };
        var presence = new RedisPresence(
            connection, () => sockets, TimeProvider.System, options, NullLogger<RedisPresence>.Instance);
        await presence.StartAsync(CancellationToken.None);
        return new PresenceNode(presence, sockets, async () =>
        {
            await presence.StopAsync(CancellationToken.None);
            presence.Dispose();
            await connection.DisposeAsync();
        });
    }

    /// <summary>Closes a node's connection to Redis for good; to the others the node is dead.</summary>
    public Task CutOffLastButOneAsync() => _nodes[^2].CloseAsync();

    public Task<long> NodesOfAsync(Domain.UserId user) => _redis!.GetDatabase().SetLengthAsync(OnlineKey(user));

    private static string OnlineKey(Domain.UserId user) => "chatcqrs:online:" + user.Value.ToString("N");

    /// <summary>
    /// Removes all nodes of a user and another dead one, like a reader who saw all of them dead a moment ago.
    /// </summary>
    public async Task ClearAwayLateAsync(Domain.UserId user, string dead)
    {
        var database = _redis!.GetDatabase();
        var alive = await database.SetMembersAsync(OnlineKey(user));
        await database.SetAddAsync(OnlineKey(user), dead);
        await RedisPresence.RemoveAsync(database, user, [.. alive, dead]);
    }

    public async Task ForgetEverythingAsync() =>
        await _redis!.GetServer(_redis.GetEndPoints()[0]).FlushAllDatabasesAsync();

    public async Task DisposeAsync()
    {
        if (_redis is not null)
            await _redis.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }
}
