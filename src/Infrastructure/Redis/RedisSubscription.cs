using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ChatCqrs.Infrastructure.Redis;

/// <summary>
/// A subscription to a channel that is there as soon as Redis is: a node starts and serves without it. Once it was made, the connection renews it by itself.
/// </summary>
/// <param name="hear">Gets one message after another, in order.</param>
internal sealed class RedisSubscription(ConnectionMultiplexer redis, RedisChannel channel, Action<RedisValue> hear, ILogger logger)
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _ended = new();
    private Task _joining = Task.CompletedTask;

    /// <summary>Tries once, and goes on trying in the background.</summary>
    /// <param name="joined">Told when it took more than one attempt: what was said until then was not heard.</param>
    public async Task StartAsync(Action joined)
    {
        if (!await TryAsync(warn: true))
            _joining = JoinAsync(joined);
    }

    public async Task StopAsync()
    {
        await _ended.CancelAsync();
        await _joining.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (redis.IsConnected)
            await LeaveAsync();
        _ended.Dispose();
    }

    private async Task JoinAsync(Action joined)
    {
        var wait = RetryFirst;
        do
        {
            await Task.Delay(wait, _ended.Token);
            wait = wait * 2 < RetryMax ? wait * 2 : RetryMax;
        }
        while (!await TryAsync(warn: false));
        logger.LogInformation("Redis is there: this node hears the others on {Channel}.", channel);
        joined();
    }

    private async Task<bool> TryAsync(bool warn)
    {
        try
        {
            if (redis.IsConnected) // Otherwise it would wait for long before it fails.
            {
                (await redis.GetSubscriber().SubscribeAsync(channel)).OnMessage(message => hear(message.Message));
                return true;
            }
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            await LeaveAsync(); // An attempt that failed leaves a queue behind that nobody reads.
        }

        if (warn)
            logger.LogWarning("Redis does not answer. Until it does, this node hears nothing of the others on {Channel}.", channel);
        return false;
    }

    private async Task LeaveAsync()
    {
        try
        {
            await redis.GetSubscriber().UnsubscribeAsync(channel);
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            // It goes with the connection.
        }
    }
}
