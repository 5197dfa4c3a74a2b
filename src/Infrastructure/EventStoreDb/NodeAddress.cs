namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>A node's gRPC endpoint.</summary>
internal readonly record struct NodeAddress(string Host, int Port)
{
    public const int DefaultPort = 2113;

    /// <summary>Reads <c>host</c>, <c>host:port</c> or <c>[ipv6]:port</c>.</summary>
    /// <exception cref="FormatException">The text has another form.</exception>
    public static NodeAddress Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon < text.LastIndexOf(']'))
            colon = -1;
        var host = colon < 0 ? text : text[..colon];
        var port = DefaultPort;
        if (host.Length == 0 || Uri.CheckHostName(host) == UriHostNameType.Unknown
            || (colon >= 0 && (!int.TryParse(text.AsSpan(colon + 1), out port) || port is < 1 or > ushort.MaxValue)))
            throw new FormatException($"'{text}' is not a host with a port.");
        return new NodeAddress(host, port);
    }

    public override string ToString() => $"{Host}:{Port}";
}
