namespace ChatCqrs.WebApi.Realtime;

/// <summary>What <c>GET /v1/server</c> says of the socket, which is no endpoint of the routing.</summary>
internal static class SocketFeatures
{
    public static readonly IReadOnlyList<string> All = ["account_frames", "socket_authenticate", "socket_reset"];
}
