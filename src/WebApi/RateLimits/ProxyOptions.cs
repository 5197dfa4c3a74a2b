using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using IPNetwork = System.Net.IPNetwork;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// A reverse proxy in front (section <c>Proxy</c> of the configuration). Without one, what clients say of their own address is not believed.
/// </summary>
public sealed record ProxyOptions
{
    /// <summary>Whether X-Forwarded-For and X-Forwarded-Proto are believed when they come from a known proxy.</summary>
    public bool Enabled { get; init; }

    /// <summary>Proxies by address or network, such as 10.0.0.0/8; this machine when there are none.</summary>
    public IReadOnlyList<string> Known { get; init; } = [];

    /// <summary>How many proxies stand in a row; 1 to 10.</summary>
    public int Hops { get; init; } = 1;

    internal ForwardedHeadersOptions ToForwardedHeaders()
    {
        var headers = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
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
            if (options.Known.FirstOrDefault(known => !IPAddress.TryParse(known, out _) && !IPNetwork.TryParse(known, out _)) is { } wrong)
                return ValidateOptionsResult.Fail($"Proxy:Known must name addresses or networks, not '{wrong}'.");
            return options.Hops is >= 1 and <= 10 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail("Proxy:Hops must be 1 to 10.");
        }
    }
}
