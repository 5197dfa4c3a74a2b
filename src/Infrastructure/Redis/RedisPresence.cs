using System.Collections.Concurrent;
using System.Globalization;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Presence;
using ChatCqrs.Domain;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ChatCqrs.Infrastructure.Redis;

/// <summary>
/// Presence over all nodes, in three kinds of Redis keys: the nodes where a user has sockets
/// (<c>chatcqrs:online:{user}</c>, a set), a heartbeat for each node (<c>chatcqrs:node:{node}</c>, which expires), and
/// when a user was last seen (<c>chatcqrs:seen:{user}</c>). The users of a dead node go offline when its heartbeat
/// expires; readers ignore the dead node in the sets and remove it.
/// </summary>
/// <param name="sockets">The open sockets of this node.</param>
public sealed class RedisPresence(
    ConnectionMultiplexer redis, Func<INodeBusReceiver> sockets, TimeProvider clock, PresenceOptions options,
    ILogger<RedisPresence> logger)
    : BackgroundService, IPresence
{
    /// <summary>
    /// The expiry of a user's set. Sockets live as long as an access token, at most a day; an older set is stale.
    /// </summary>
    private static readonly TimeSpan OnlineKept = TimeSpan.FromHours(25);

    /// <summary>How many users one round trip reads or writes.</summary>
    private const int BatchMax = 500;

    /// <summary>
    /// Removes nodes (the arguments) from a user's set (the first key) if their heartbeats (the other keys) are gone.
    /// </summary>
    private const string RemoveDeadNodes =
        """
        for n = 1, #ARGV do
            if redis.call('EXISTS', KEYS[n + 1]) == 0 then redis.call('SREM', KEYS[1], ARGV[n]) end
        end
        """;

    private static readonly RedisChannel Channel = RedisChannel.Literal("chatcqrs:presence");

    private readonly string _node = Guid.NewGuid().ToString("N");
    private readonly ConcurrentDictionary<UserId, bool> _reported = new();
    private readonly SemaphoreSlim _work = new(0, 1);
    private RedisSubscription? _subscription;
    private DateTimeOffset _lastBeat = DateTimeOffset.MinValue;
    private bool _isConnected = true;

    public event Action<UserId>? Changed;

    public void Report(UserId user)
    {
        _reported[user] = true; // Repeated reports of a user coalesce.
        Wake();
    }

    public async Task<IReadOnlyDictionary<UserId, PresenceState>> OfAsync(
        IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
    {
        var states = new Dictionary<UserId, PresenceState>(users.Count);
        try
        {
            foreach (var batch in users.Distinct().Chunk(BatchMax))
                await ReadAsync(batch, states).WaitAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            throw new StoreUnavailableException("Redis cannot be asked who is online.", exception);
        }

        return states;
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _subscription = new RedisSubscription(redis, Channel, Hear, logger);
        await _subscription.StartAsync(); // A late one loses nothing: watchers poll at every beat.
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_subscription is not null)
            await _subscription.StopAsync();
        if (redis.IsConnected) // Without the heartbeat, users who are still online here go offline.
            await redis.GetDatabase().KeyDeleteAsync(NodeKey(_node), CommandFlags.FireAndForget);
    }

    public override void Dispose()
    {
        _work.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await BeatAsync();
                while (!_reported.IsEmpty)
                    await WriteAsync([.. _reported.Keys.Take(BatchMax)]);
                _isConnected = true;
                await _work.WaitAsync(options.BeatEvery, stoppingToken);
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException)
            {
                if (_isConnected)
                    logger.LogWarning("Other nodes cannot be told who is online here: {Reason}", exception.Message);
                _isConnected = false;
                await Task.Delay(options.BeatEvery, clock, stoppingToken);
            }
        }
    }

    /// <summary>
    /// Renews the heartbeat. If it had expired, other nodes took this node's users as offline: report them all again.
    /// </summary>
    private async Task BeatAsync()
    {
        var now = clock.GetUtcNow();
        if (now - _lastBeat < options.BeatEvery)
            return;
        var before = await redis.GetDatabase().StringSetAndGetAsync(NodeKey(_node), "", options.NodeKept);
        if (before.IsNull)
        {
            foreach (var user in sockets().WithSockets())
                _reported[user] = true;
        }

        _lastBeat = now;
    }

    /// <summary>Writes whether users are online here. Users reported meanwhile are written again.</summary>
    private async Task WriteAsync(UserId[] users)
    {
        var here = sockets();
        foreach (var user in users)
            _reported.TryRemove(user, out _);
        try
        {
            var batch = redis.GetDatabase().CreateBatch();
            var writes = new List<Task>();
            foreach (var user in users)
            {
                if (here.HasSocket(user))
                {
                    writes.Add(batch.SetAddAsync(OnlineKey(user), _node));
                    writes.Add(batch.KeyExpireAsync(OnlineKey(user), OnlineKept));
                }
                else
                {
                    writes.Add(batch.SetRemoveAsync(OnlineKey(user), _node));
                    var seenAt = clock.GetUtcNow().ToUnixTimeMilliseconds();
                    writes.Add(batch.StringSetAsync(SeenKey(user), seenAt, PresenceState.SeenKept));
                }
            }

            writes.Add(batch.PublishAsync(Channel, string.Join(',', users.Select(user => user.Value.ToString("N")))));
            batch.Execute();
            await Task.WhenAll(writes);
        }
        catch
        {
            foreach (var user in users)
                _reported[user] = true;
            throw;
        }
    }

    private async Task ReadAsync(UserId[] users, Dictionary<UserId, PresenceState> states)
    {
        var database = redis.GetDatabase();
        var here = sockets();
        var nodes = await Task.WhenAll(users.Select(user => database.SetMembersAsync(OnlineKey(user))));
        var known = nodes.SelectMany(set => set).Select(node => node.ToString()).Distinct().ToArray();
        var heartbeats = known.Length == 0 ? [] : await database.StringGetAsync([.. known.Select(NodeKey)]);
        var alive = known.Where((node, n) => !heartbeats[n].IsNull && node != _node).ToHashSet();
        var seen = await database.StringGetAsync([.. users.Select(SeenKey)]);
        for (var n = 0; n < users.Length; n++)
        {
            var dead = nodes[n].Where(node => node != _node && !alive.Contains(node.ToString())).ToArray();
            if (dead.Length > 0)
                await RemoveAsync(database, users[n], dead, CommandFlags.FireAndForget);
            states[users[n]] = here.HasSocket(users[n]) || nodes[n].Any(node => alive.Contains(node.ToString()))
                ? new PresenceState(true, null)
                : new PresenceState(false, SeenAt(seen[n]));
        }
    }

    private static DateTimeOffset? SeenAt(RedisValue value) => !value.IsNull && value.TryParse(out long milliseconds)
        ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
        : null;

    /// <summary>
    /// Removes dead nodes from a user's set, except those whose heartbeat is back: they have reported their users and
    /// do not repeat that.
    /// </summary>
    internal static Task RemoveAsync(
        IDatabase database, UserId user, RedisValue[] dead, CommandFlags flags = CommandFlags.None)
    {
        RedisKey[] keys = [OnlineKey(user), .. dead.Select(node => (RedisKey)NodeKey(node.ToString()))];
        return database.ScriptEvaluateAsync(RemoveDeadNodes, keys, dead, flags);
    }

    private void Hear(RedisValue message)
    {
        foreach (var text in message.ToString().Split(','))
        {
            if (Guid.TryParseExact(text, "N", out var user))
                Changed?.Invoke(new UserId(user));
        }
    }

    private void Wake()
    {
        try
        {
            if (_work.CurrentCount == 0)
                _work.Release();
        }
        catch (Exception exception) when (exception is SemaphoreFullException or ObjectDisposedException)
        {
            // Another thread released it first, or the node has stopped.
        }
    }

    private static string NodeKey(string node) => "chatcqrs:node:" + node;

    private static string OnlineKey(UserId user) =>
        "chatcqrs:online:" + user.Value.ToString("N", CultureInfo.InvariantCulture);

    private static RedisKey SeenKey(UserId user) =>
        "chatcqrs:seen:" + user.Value.ToString("N", CultureInfo.InvariantCulture);
}
