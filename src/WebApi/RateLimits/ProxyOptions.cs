using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using IPNetwork = System.Net.IPNetwork;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// A reverse proxy in front (section <c>Proxy</c> of the configuration). Without one, the server ignores the headers in
/// which clients state their address.
/// </summary>
public sealed record ProxyOptions
{
    /// <summary>
    /// Whether to trust X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix of a known proxy.
    /// </summary>
    public bool Enabled { get; init; }

    /// <summary>Addresses or networks of proxies, such as 10.0.0.0/8; when empty, this machine.</summary>
    public IReadOnlyList<string> Known { get; init; } = [];

    /// <summary>The number of proxies in a row; 1 to 10.</summary>
    public int Hops { get; init; } = 1;

    internal ForwardedHeadersOptions ToForwardedHeaders()
    {
        var headers = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto
                | ForwardedHeaders.XForwardedHost | ForwardedHeaders.XForwardedPrefix,
            ForwardLimit = Hops,
        };
        if (Known.Count == 0)
            return headers;
        headers.KnownProxies.Clear();
        headers.KnownIPNetworks.Clear();
        foreach (var known in Known)
        {
            if (IPAddress.TryParse(known, out var address))
                headers.KnownProxies.Add(address);
            else
                headers.KnownIPNetworks.Add(IPNetwork.Parse(known));
        }

        return headers;
    }

    internal sealed class Validator : IValidateOptions<ProxyOptions>
    {
        public ValidateOptionsResult Validate(string? name, ProxyOptions options)
        {
            if (options.Known.FirstOrDefault(known => !IsAddressOrNetwork(known)) is { } wrong)
                return ValidateOptionsResult.Fail($"Proxy:Known must name addresses or networks, not '{wrong}'.");
            return options.Hops is >= 1 and <= 10
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail("Proxy:Hops must be 1 to 10.");
        }

        private static bool IsAddressOrNetwork(string text) =>
            IPAddress.TryParse(text, out _) || IPNetwork.TryParse(text, out _);
    }
}
