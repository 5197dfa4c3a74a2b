using System.Net;
using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Keeps requests to addresses of users out of private networks. Every connection resolves the name, checks the
/// addresses and connects to those same addresses, so a later change of the name's records gains nothing. Redirects are
/// not followed.
/// </summary>
internal sealed class OpenAddresses(IOptions<PushOptions> options) : IPushAddresses
{
    private const string Objection = "must not lead into a private network.";

    private static readonly TimeSpan ResolveMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(10);

    /// <summary>
    /// IANA's IPv4 and IPv6 special-purpose address registries: networks that are not globally reachable, and those
    /// that embed such an address.
    /// </summary>
    private static readonly IPNetwork[] Closed =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
            "2002::/16", "3fff::/20", "5f00::/16",
            "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    public async Task<string?> JudgeAsync(Uri address, CancellationToken cancellationToken)
    {
        if (options.Value.AllowPrivateEndpoints)
            return null;
        try
        {
            var addresses = await ResolveAsync(address.DnsSafeHost, cancellationToken);
            return addresses.All(IsOpen) ? null : Objection;
        }
        catch (Exception exception) when (exception is SocketException or TimeoutException)
        {
            return null; // The name does not resolve now. Every connection resolves and checks it again.
        }
    }

    /// <summary>A client that connects to open addresses only.</summary>
    public HttpClient CreateClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false, // A proxy would bypass the check.
        ConnectTimeout = ConnectMax,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        MaxConnectionsPerServer = 16,
        MaxResponseHeadersLength = 16,
        ConnectCallback = ConnectAsync,
    })
    { Timeout = TimeSpan.FromSeconds(20), MaxResponseContentBufferSize = 64 * 1024 };

    /// <summary>Whether an address is globally reachable.</summary>
    internal static bool IsOpen(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return !Closed.Any(network => network.Contains(plain));
    }

    private async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var addresses = await ResolveAsync(context.DnsEndPoint.Host, cancellationToken);
        if (!options.Value.AllowPrivateEndpoints && !addresses.All(IsOpen))
            throw new ClosedAddressException();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        IPAddress.TryParse(host, out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(host, cancellationToken).WaitAsync(ResolveMax, cancellationToken);
}

/// <summary>A host's address lies in a private network.</summary>
internal sealed class ClosedAddressException() : IOException("The address leads into a private network.");
