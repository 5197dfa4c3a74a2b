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
/// Presence over all nodes. In Redis stands for each user on which nodes they have sockets (<c>chatcqrs:online:{user}</c>, a set), for each node that it
/// lives (<c>chatcqrs:node:{node}</c>, with an expiry that the node keeps moving), and when users who left last did (<c>chatcqrs:seen:{user}</c>). A node that dies
/// takes its users with it as soon as its key expires; what it leaves in the sets counts for nothing, and is cleared away by whoever finds it.
/// </summary>
/// <param name="sockets">Whose sockets are open on this node.</param>
public sealed class RedisPresence(
    ConnectionMultiplexer redis, Func<INodeBusReceiver> sockets, TimeProvider clock, PresenceOptions options, ILogger<RedisPresence> logger)
    : BackgroundService, IPresence
{
    /// <summary>No socket lives longer than an access token, and that at most a day; a set that nobody wrote to for longer is left over.</summary>
    private static readonly TimeSpan OnlineKept = TimeSpan.FromHours(25);

    /// <summary>How many users are written or asked for in one round trip.</summary>
    private const int BatchMax = 500;

    /// <summary>From the set in the first key, the nodes in the arguments whose own keys, the others, are not there.</summary>
    private const string RemoveTheDead =
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
    private DateTimeOffset _beatAt = DateTimeOffset.MinValue;
    private bool _reaches = true;

    public event Action<UserId>? Changed;

    public void Report(UserId user)
    {
        _reported[user] = true; // At most one a user, however often they come and go.
        Wake();
    }

    public async Task<IReadOnlyDictionary<UserId, PresenceState>> OfAsync(IReadOnlyCollection<UserId> users, CancellationToken cancellationToken)
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
        await _subscription.StartAsync(joined: () => { }); // Whoever watches looks at every beat anyway.
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_subscription is not null)
            await _subscription.StopAsync();
        if (redis.IsConnected)
            await redis.GetDatabase().KeyDeleteAsync(NodeKey(_node), CommandFlags.FireAndForget); // Whoever is still here goes with the node.
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
                _reaches = true;
                await _work.WaitAsync(options.BeatEvery, stoppingToken);
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException)
            {
                if (_reaches)
                    logger.LogWarning("Other nodes cannot be told who is online here: {Reason}", exception.Message);
                _reaches = false;
                await Task.Delay(options.BeatEvery, clock, stoppingToken);
            }
        }
    }

    /// <summary>Shows that the node lives. Where its key had gone, nobody counted its users any more: all are told again.</summary>
    private async Task BeatAsync()
    {
        var now = clock.GetUtcNow();
        if (now - _beatAt < options.BeatEvery)
            return;
        var before = await redis.GetDatabase().StringSetAndGetAsync(NodeKey(_node), "", options.NodeKept);
        if (before.IsNull)
        {
            foreach (var user in sockets().WithSockets())
                _reported[user] = true;
        }

        _beatAt = now;
    }

    /// <summary>Writes down where users are now. What is reported meanwhile is written down again.</summary>
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
                    writes.Add(batch.StringSetAsync(SeenKey(user), clock.GetUtcNow().ToUnixTimeMilliseconds(), PresenceState.SeenKept));
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
        var lives = known.Length == 0 ? [] : await database.StringGetAsync([.. known.Select(NodeKey)]);
        var alive = known.Where((node, n) => !lives[n].IsNull && node != _node).ToHashSet();
        var seen = await database.StringGetAsync([.. users.Select(SeenKey)]);
        for (var n = 0; n < users.Length; n++)
        {
            var dead = nodes[n].Where(node => node != _node && !alive.Contains(node.ToString())).ToArray();
            if (dead.Length > 0)
                await RemoveAsync(database, users[n], dead, CommandFlags.FireAndForget);
            states[users[n]] = here.HasSocket(users[n]) || nodes[n].Any(node => alive.Contains(node.ToString()))
                ? new PresenceState(true, null)
                : new PresenceState(false, !seen[n].IsNull && seen[n].TryParse(out long at) ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null);
        }
    }

    /// <summary>Takes nodes out of a user's set, but for those that live again meanwhile: they have told who is there, and do not tell it twice.</summary>
    internal static Task RemoveAsync(IDatabase database, UserId user, RedisValue[] dead, CommandFlags flags = CommandFlags.None) =>
        database.ScriptEvaluateAsync(RemoveTheDead, [OnlineKey(user), .. dead.Select(node => (RedisKey)NodeKey(node.ToString()))], dead, flags);

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
            // It was woken by somebody else, or the node has stopped.
        }
    }

    private static string NodeKey(string node) => "chatcqrs:node:" + node;

    private static string OnlineKey(UserId user) => "chatcqrs:online:" + user.Value.ToString("N", CultureInfo.InvariantCulture);

    private static RedisKey SeenKey(UserId user) => "chatcqrs:seen:" + user.Value.ToString("N", CultureInfo.InvariantCulture);
}
