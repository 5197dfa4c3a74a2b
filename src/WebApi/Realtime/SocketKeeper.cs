using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Pings sockets, and closes those without progress, of removed devices and of expired tokens; all of them when the
/// node stops. One timer serves all sockets: one of its own would cost more memory than the socket.
/// </summary>
internal sealed class SocketKeeper(
    OpenSockets sockets, IDeviceSessions sessions, IOptions<LiveOptions> options, TimeProvider clock,
    IHostApplicationLifetime lifetime)
    : BackgroundService
{
    /// <summary>How often sockets are looked at.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

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
        using var timer = new PeriodicTimer(LookEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            sockets.CloseExpired(clock.GetUtcNow());
            sockets.Check(clock, options.Value.KeepAlive);
        }
    }
}
