using System.Net;
using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>The socket gateway and live delivery.</summary>
public static class RealtimeRegistration
{
    private const string Path = "/v1/ws";

    /// <summary>TCP keep-alive: the silence before the first probe and the time between probes, in seconds.</summary>
    private const int KeepAliveAfter = 60, KeepAliveEvery = 15;

    /// <summary>The unanswered probes after which a peer is dead.</summary>
    private const int KeepAliveTries = 4;

    public static IServiceCollection AddRealtime(this IServiceCollection services)
    {
        services.AddSingleton<FrameWriter>();
        services.AddSingleton<OpenSockets>();
        services.AddSingleton<LiveHub>();
        services.AddSingleton<ILiveDelivery>(provider => provider.GetRequiredService<LiveHub>());
        services.AddSingleton<INodeBusReceiver, NodeBusReceiver>();
        services.AddSingleton<TypingRelay>();
        services.AddSingleton<ITypingDelivery>(provider => provider.GetRequiredService<TypingRelay>());
        services.AddSingleton<PresenceWatch>();
        services.AddSingleton<HeardEntries>();
        services.AddSingleton<CatchUpTurns>();
        services.AddSingleton<CatchUpLoop>();
        services.AddSingleton<SyncHandler>();
        services.AddSingleton<LostEntries>();
        services.AddSingleton<AccountFeed>();
        services.AddSingleton<TokenRenewal>();
        services.AddSingleton<Newcomers>();
        services.AddSingleton<FrameHandler>();
        services.AddSingleton<SocketGateway>();
        services.AddHostedService(provider => provider.GetRequiredService<LiveHub>());
        services.AddHostedService<SocketKeeper>();
        services.AddHostedService(provider => provider.GetRequiredService<TypingRelay>());
        services.AddHostedService(provider => provider.GetRequiredService<PresenceWatch>());
        services.AddHostedService(provider => provider.GetRequiredService<AccountFeed>());
        services.AddHostedService<LogFollower>();
        services.Configure<SocketTransportOptions>(options => options.CreateBoundListenSocket = CreateListenSocket);
        return services;
    }

    /// <summary>
    /// Branches <c>GET /v1/ws</c> off the pipeline, so that open sockets keep nothing of the rest alive.
    /// </summary>
    public static IApplicationBuilder UseRealtime(this IApplicationBuilder app)
    {
        var gateway = app.ApplicationServices.GetRequiredService<SocketGateway>();
        var clock = app.ApplicationServices.GetRequiredService<TimeProvider>();
        return app.MapWhen(
            IsSocket,
            branch =>
            {
                // Before UseWebSockets, which reads the features.
                branch.Use(next => context =>
                {
                    UpgradeFeature.Install(context.Features, clock);
                    return next(context);
                });
                branch.UseWebSockets();
                branch.Run(gateway.HandleAsync);
            });
    }

    private static bool IsSocket(HttpContext context) =>
        context.Request.Path.Equals(Path, StringComparison.OrdinalIgnoreCase)
        && HttpMethods.IsGet(context.Request.Method);

    /// <summary>
    /// Turns TCP keep-alive on; accepted sockets inherit it. It finds dead peers without a timer for each one.
    /// </summary>
    private static Socket CreateListenSocket(EndPoint endpoint)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        if (socket.ProtocolType == ProtocolType.Tcp)
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveAfter);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveEvery);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveTries);
        }

        return socket;
    }
}
