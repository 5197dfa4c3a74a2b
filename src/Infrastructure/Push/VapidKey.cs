using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Identifies this server to push services (RFC 8292): a token per push-service origin, signed with the key to which
/// browsers bind subscriptions.
/// </summary>
internal sealed class VapidKey(IOptions<PushSettings> settings, TimeProvider clock) : IVapidKey
{
    /// <summary>RFC 8292, section 2, allows at most 24 hours.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromHours(1);

    private const int OriginsMax = 1_000;

    private readonly ECDsa? _key = Load(settings.Value.Vapid);
    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset ExpiresAt)> _tokens = new();
    private readonly Lock _signing = new();

    public string? PublicKey => _key is null ? null : Base64Url.EncodeToString(WebPushEncryption.PointOf(_key));

    /// <returns>The Authorization header; null when this server has no key.</returns>
    public AuthenticationHeaderValue? HeaderFor(Uri endpoint)
    {
        if (_key is null)
            return null;
        var origin = endpoint.GetLeftPart(UriPartial.Authority);
        var now = clock.GetUtcNow();
        if (!_tokens.TryGetValue(origin, out var token) || token.ExpiresAt - now < RenewBefore)
        {
            if (_tokens.Count >= OriginsMax)
                _tokens.Clear();
            _tokens[origin] = token = (Sign(origin, now + Lifetime), now + Lifetime);
        }

        return new AuthenticationHeaderValue("vapid", $"t={token.Token}, k={PublicKey}");
    }

    private string Sign(string origin, DateTimeOffset expiresAt)
    {
        var claims = new { aud = origin, exp = expiresAt.ToUnixTimeSeconds(), sub = settings.Value.Vapid.Subject };
        lock (_signing)
        {
            return SignedToken.Of(_key!, new { typ = "JWT", alg = "ES256" }, claims);
        }
    }

    private static ECDsa? Load(VapidOptions options)
    {
        var pem = options.Key ?? (options.KeyFile is { } path ? File.ReadAllText(path) : null);
        return pem is null ? null : PushKeys.Parse(pem, "Push:Vapid:Key or Push:Vapid:KeyFile");
    }
}

internal static class PushKeys
{
    private const string P256 = "1.2.840.10045.3.1.7";

    /// <exception cref="InvalidOperationException">
    /// The text is no private key on P-256; the message names the setting.
    /// </exception>
    public static ECDsa Parse(string pem, string setting)
    {
        try
        {
            var key = ECDsa.Create();
            key.ImportFromPem(pem);
            if (key.ExportParameters(includePrivateParameters: true).Curve.Oid.Value == P256)
                return key;
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new InvalidOperationException($"{setting} must hold a private key on P-256 in PEM form.", exception);
        }

        throw new InvalidOperationException($"{setting} must hold a private key on P-256 in PEM form.");
    }
}
