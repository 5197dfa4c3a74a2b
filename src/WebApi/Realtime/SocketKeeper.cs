using ChatCqrs.Application.Ports;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>Closes sockets of removed devices and expired tokens, and all sockets when the node stops.</summary>
internal sealed class SocketKeeper(
    OpenSockets sockets, IDeviceSessions sessions, TimeProvider clock, IHostApplicationLifetime lifetime)
    : BackgroundService
{
    /// <summary>How often expired tokens are looked for.</summary>
    private static readonly TimeSpan ExpiryEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long the stop waits for queued frames to be written.</summary>
    private static readonly TimeSpan GoodbyeMax = TimeSpan.FromSeconds(5);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        sessions.Revoked += sockets.CloseDevice;
        lifetime.ApplicationStopping.Register(() =>
        {
            using var limit = new CancellationTokenSource(GoodbyeMax);
            sockets.CloseAllAsync(limit.Token).GetAwaiter().GetResult();
        });
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        sessions.Revoked -= sockets.CloseDevice;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(ExpiryEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            sockets.CloseExpired(clock.GetUtcNow());
    }
}
