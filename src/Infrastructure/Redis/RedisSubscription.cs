using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ChatCqrs.Infrastructure.Redis;

/// <summary>
/// A subscription to a channel. A node starts without Redis and subscribes as soon as Redis answers; later the
/// connection renews the subscription.
/// </summary>
/// <param name="hear">Gets the messages one by one, in order.</param>
internal sealed class RedisSubscription(
    ConnectionMultiplexer redis, RedisChannel channel, Action<RedisValue> hear, ILogger logger)
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _ended = new();
    private Task _joining = Task.CompletedTask;

    /// <summary>Subscribes, or keeps trying in the background.</summary>
    public async Task StartAsync()
    {
        if (!await TryAsync(warn: true))
            _joining = JoinAsync();
    }

    public async Task StopAsync()
    {
        await _ended.CancelAsync();
        await _joining.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (redis.IsConnected)
            await LeaveAsync();
        _ended.Dispose();
    }

    private async Task JoinAsync()
    {
        var wait = RetryFirst;
        do
        {
            await Task.Delay(wait, _ended.Token);
            wait = wait * 2 < RetryMax ? wait * 2 : RetryMax;
        }
        while (!await TryAsync(warn: false));
        logger.LogInformation("Redis answers: this node receives messages on {Channel}.", channel);
    }

    private async Task<bool> TryAsync(bool warn)
    {
        try
        {
            if (redis.IsConnected) // SubscribeAsync would otherwise block for a long time before it fails.
            {
                (await redis.GetSubscriber().SubscribeAsync(channel)).OnMessage(message => hear(message.Message));
                return true;
            }
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            await LeaveAsync(); // A failed attempt leaves a message queue without a reader.
        }

        if (warn)
        {
            logger.LogWarning(
                "Redis does not answer. Until it does, this node receives no messages on {Channel}.", channel);
        }

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
            // The subscription ends with the connection.
        }
    }
}
