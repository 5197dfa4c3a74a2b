using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// The key of limits by address: an IPv4 address, or the /56 of an IPv6 address, because a customer often has as many
/// (RFC 6177, section 2).
/// </summary>
internal readonly record struct ClientAddress(ulong Value)
{
    /// <summary>The first 56 of the first 64 bits.</summary>
    private const ulong PrefixMask = ~0xFFul;

    public static ClientAddress Of(HttpContext context) => Of(context.Connection.RemoteIpAddress);

    public static ClientAddress Of(IPAddress? address)
    {
        if (address is null)
            return default;
        Span<byte> bytes = stackalloc byte[16];
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        address.TryWriteBytes(bytes, out _);
        return new ClientAddress(address.AddressFamily == AddressFamily.InterNetwork
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : BinaryPrimitives.ReadUInt64BigEndian(bytes) & PrefixMask);
    }
}
