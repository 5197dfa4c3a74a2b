using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// The key of limits by address: an IPv4 address, or the /64 of an IPv6 address, because a customer has at least a /64
/// (RFC 6177).
/// </summary>
internal readonly record struct ClientAddress(ulong Value)
{
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
            : BinaryPrimitives.ReadUInt64BigEndian(bytes));
    }
}
