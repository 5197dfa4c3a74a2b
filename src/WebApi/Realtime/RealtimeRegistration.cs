using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ChatCqrs.WebApi.Realtime;

public static class RealtimeRegistration
{
    private const string Path = "/v1/ws";

    /// <summary>How long an idle peer may be silent before TCP asks whether it is still there, in seconds; and how often and how many times it asks.</summary>
    private const int KeepAliveAfter = 60, KeepAliveEvery = 15, KeepAliveTries = 4;

    /// <summary>The socket gateway and live delivery.</summary>
    public static IServiceCollection AddRealtime(this IServiceCollection services)
    {
        services.AddSingleton<FrameWriter>();
        services.AddSingleton<LiveHub>();
        services.AddSingleton<ILiveDelivery>(provider => provider.GetRequiredService<LiveHub>());
        services.AddSingleton<INodeBusReceiver, NodeBusReceiver>();
        services.AddSingleton<TypingRelay>();
        services.AddSingleton<ITypingDelivery>(provider => provider.GetRequiredService<TypingRelay>());
        services.AddSingleton<PresenceWatch>();
        services.AddSingleton<LiveRecheck>();
        services.AddSingleton<CatchUpLoop>();
        services.AddSingleton<FrameHandler>();
        services.AddSingleton<SocketGateway>();
        services.AddHostedService(provider => provider.GetRequiredService<LiveHub>());
        services.AddHostedService<SocketKeeper>();
        services.AddHostedService(provider => provider.GetRequiredService<TypingRelay>());
        services.AddHostedService(provider => provider.GetRequiredService<PresenceWatch>());
        services.AddHostedService(provider => provider.GetRequiredService<LiveRecheck>());
        services.Configure<SocketTransportOptions>(options => options.CreateBoundListenSocket = endpoint =>
        {
            // Accepted sockets inherit it: dead peers are found without a timer a connection.
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveAfter);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveEvery);
                socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveTries);
            }

            return socket;
        });
        return services;
    }

    /// <summary>Takes <c>GET /v1/ws</c> out of the pipeline: what follows it is not kept alive by open sockets.</summary>
    public static IApplicationBuilder UseRealtime(this IApplicationBuilder app)
    {
        var gateway = app.ApplicationServices.GetRequiredService<SocketGateway>();
        return app.MapWhen(
            context => context.Request.Path.Equals(Path, StringComparison.OrdinalIgnoreCase) && HttpMethods.IsGet(context.Request.Method),
            branch =>
            {
                // Before the framework's middleware takes the features up.
                branch.Use(next => context =>
                {
                    UpgradeFeature.Slide(context.Features);
                    return next(context);
                });
                branch.UseWebSockets();
                branch.Run(gateway.HandleAsync);
            });
    }
}
