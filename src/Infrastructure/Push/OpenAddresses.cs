using System.Net;
using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Push;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Keeps requests to addresses of users out of private networks. Every connection resolves the name, checks the
/// addresses and connects to those same addresses, so a later change of the name's records gains nothing. Redirects are
/// not followed. Nothing is resolved at subscription: a request must not wait for a name server that its sender chose.
/// </summary>
internal sealed class OpenAddresses(IOptions<PushOptions> options, NameResolver resolver) : IPushAddresses
{
    private const string Objection = "must not lead into a private network.";
    private const string PortObjection = "must be on port 443.";
    private const int HttpsPort = 443;

    /// <summary>The global unicast addresses of IPv6 (RFC 4291, section 2.4); all others are closed.</summary>
    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    /// <summary>
    /// IANA's IPv4 and IPv6 special-purpose address registries: networks that are not globally reachable, and those
    /// whose addresses contain an IPv4 address: 6to4 (2002::/16) and Teredo (in 2001::/23). Outside
    /// <see cref="GlobalUnicast"/> lie those of NAT64 (64:ff9b::/96) and of IPv4 translation (::ffff:0:0:0/96).
    /// </summary>
    private static readonly IPNetwork[] Closed =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    public string? Judge(Uri address)
    {
        if (options.Value.AllowPrivateEndpoints)
            return null;
        if (address.Port != HttpsPort)
            return PortObjection;
        var host = address.DnsSafeHost.TrimEnd('.').ToLowerInvariant();
        var isClosed = IPAddress.TryParse(host, out var literal)
            ? !IsOpen(literal)
            : host is "localhost" || host.EndsWith(".localhost", StringComparison.Ordinal);
        return isClosed ? Objection : null;
    }

    /// <summary>A client that connects to open addresses only.</summary>
    public HttpClient CreateClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false, // A proxy would bypass the check.
        ConnectTimeout = SendPush.AttemptMax,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        MaxConnectionsPerServer = 16,
        MaxResponseHeadersLength = 16,
        ConnectCallback = ConnectAsync,
    })
    { Timeout = SendPush.AttemptMax, MaxResponseContentBufferSize = 64 * 1024 };

    /// <summary>Whether an address is globally reachable. A mapped address (::ffff:0:0/96) counts as IPv4.</summary>
    internal static bool IsOpen(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return (plain.AddressFamily == AddressFamily.InterNetwork || GlobalUnicast.Contains(plain))
            && !Closed.Any(network => network.Contains(plain));
    }

    private async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (isChecked, port) = (!options.Value.AllowPrivateEndpoints, context.DnsEndPoint.Port);
        if (isChecked && port != HttpsPort) // A subscription of an earlier version.
            throw new ClosedAddressException();
        var addresses = await resolver.ResolveAsync(context.DnsEndPoint.Host, cancellationToken);
        if (isChecked && !addresses.All(IsOpen))
            throw new ClosedAddressException();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>An address lies in a private network, or is not on the port of https.</summary>
internal sealed class ClosedAddressException() : IOException(
    "The address leads into a private network, or to a port other than 443.");
