using System.Net;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Http;

/// <summary>Pages of other origins (section <c>Cors</c> of the configuration).</summary>
public sealed record OriginOptions
{
    /// <summary>
    /// The origins whose pages may read answers and open sockets, each as a browser sends it (RFC 6454, section 6.2):
    /// <c>https://chat.example.org</c>, in lower case, without a path and without the scheme's own port.
    /// </summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    internal sealed class Validator : IValidateOptions<OriginOptions>
    {
        public ValidateOptionsResult Validate(string? name, OriginOptions options) =>
            options.Origins.FirstOrDefault(origin => !Http.Origins.IsOrigin(origin)) is { } wrong
                ? ValidateOptionsResult.Fail(
                    $"Cors:Origins must name exact origins such as https://chat.example.org, not '{wrong}'.")
                : ValidateOptionsResult.Success;
    }
}

/// <summary>
/// Which origins' pages are served: those of the settings, and in Development those of this machine. A page without an
/// origin of its own (<c>null</c>: a file, a sandboxed frame) is not.
/// </summary>
internal sealed class Origins(IOptions<OriginOptions> options, IHostEnvironment environment)
{
    internal static readonly Refusal Refused = new(
        RefusalKind.Forbidden, "origin_refused", "The request comes from a page of an origin that may not do this.");

    private readonly HashSet<string> _listed = new(options.Value.Origins, StringComparer.Ordinal);
    private readonly bool _isDevelopment = environment.IsDevelopment();

    /// <summary>Whether pages of another origin may read answers.</summary>
    /// <param name="origin">The header <c>Origin</c>.</param>
    public bool Allow(string origin) =>
        _listed.Contains(origin) || (_isDevelopment && IsOrigin(origin) && IsLoopback(new Uri(origin).Host));

    /// <summary>Whether a request comes from a page that may open a socket, or from no browser.</summary>
    public bool AllowSocket(HttpRequest request) =>
        request.Headers.Origin is not { Count: > 0 } origin || IsOwn(request) || Allow(origin.ToString());

    /// <summary>Whether the header <c>Origin</c> is that of this server, as the request's sender sees it.</summary>
    public static bool IsOwn(HttpRequest request) =>
        Uri.TryCreate($"{request.Scheme}://{request.Host}", UriKind.Absolute, out var address)
        && request.Headers.Origin.ToString()
            .Equals(address.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a text is an origin as browsers write it.</summary>
    internal static bool IsOrigin(string? text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address)
        && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)
        && address.UserInfo.Length == 0
        && address.GetLeftPart(UriPartial.Authority) == text
        && text.All(char.IsAscii);

    private static bool IsLoopback(string host) =>
        host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
