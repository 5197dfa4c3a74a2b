using ChatCqrs.Application.Ports;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>Ends sockets that may go on no longer: of devices that were removed, of tokens that have expired, and all when the node goes away.</summary>
internal sealed class SocketKeeper(
    LiveHub hub, IDeviceSessions sessions, TimeProvider clock, IHostApplicationLifetime lifetime) : BackgroundService
{
    private static readonly TimeSpan ExpiryEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long sockets may take to get what waits for them when the node goes away.</summary>
    private static readonly TimeSpan GoodbyeMax = TimeSpan.FromSeconds(5);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        sessions.Revoked += hub.CloseDevice;
        lifetime.ApplicationStopping.Register(() =>
        {
            using var limit = new CancellationTokenSource(GoodbyeMax);
            hub.CloseAllAsync(limit.Token).GetAwaiter().GetResult();
        });
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        sessions.Revoked -= hub.CloseDevice;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(ExpiryEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            hub.CloseExpired(clock.GetUtcNow());
    }
}
