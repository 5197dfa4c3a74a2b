using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ChatCqrs.Application.Users;
using Microsoft.IdentityModel.Tokens;

namespace ChatCqrs.Infrastructure.Accounts;

/// <summary>
/// The private keys of the access tokens, on P-256 (FIPS 186-4). The first key signs; all keys verify.
/// A key's id is its thumbprint (RFC 7638).
/// </summary>
internal sealed class SigningKeys
{
    private const string P256 = "1.2.840.10045.3.1.7";
    private const int KeysMax = 16;

    private SigningKeys(IReadOnlyList<ECDsaSecurityKey> all)
    {
        All = all;
        KeySet = WriteKeySet(all);
    }

    public IReadOnlyList<ECDsaSecurityKey> All { get; }

    public ECDsaSecurityKey Newest => All[0];

    /// <summary>The public keys as a JSON Web Key Set.</summary>
    public ReadOnlyMemory<byte> KeySet { get; }

    /// <summary>Reads the configured keys.</summary>
    /// <exception cref="InvalidOperationException">
    /// There are no keys, too many, or keys of another kind; the message names the setting.
    /// </exception>
    public static SigningKeys Load(TokenOptions options)
    {
        var (texts, setting) = options.Keys.Count > 0 ? (options.Keys, "Tokens:Keys")
            : options.KeyFile is { } path && File.Exists(path) ? ([File.ReadAllText(path)], "Tokens:KeyFile")
            : throw new InvalidOperationException(
                "Tokens:KeyFile or Tokens:Keys must hold a private key on P-256 in PEM form.");
        try
        {
            var keys = texts.SelectMany(Parse).DistinctBy(key => key.KeyId).ToList();
            return keys.Count is > 0 and <= KeysMax
                ? new SigningKeys(keys)
                : throw new InvalidOperationException(
                    $"{setting} must hold 1 to {KeysMax} private keys on P-256 in PEM form.");
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new InvalidOperationException(
                $"{setting} does not hold private keys on P-256 in PEM form.", exception);
        }
    }

    /// <summary>Creates a key file that only its owner can read, unless the file exists.</summary>
    public static void CreateIfMissing(string path) => FirstFile.Create(path, file =>
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        file.Write(Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
    });

    private static IEnumerable<ECDsaSecurityKey> Parse(string text)
    {
        var keys = new List<ECDsaSecurityKey>();
        for (var rest = text.AsSpan(); PemEncoding.TryFind(rest, out var block); rest = rest[block.Location.End..])
        {
            var key = ECDsa.Create();
            key.ImportFromPem(rest[block.Location]);
            var parameters = key.ExportParameters(includePrivateParameters: true);
            if (parameters.D is null || parameters.Curve.Oid.Value != P256)
                throw new CryptographicException("Not a private key on P-256.");
            CryptographicOperations.ZeroMemory(parameters.D);
            keys.Add(new ECDsaSecurityKey(key) { KeyId = Thumbprint(parameters) });
        }

        return keys;
    }

    private static string Thumbprint(ECParameters key)
    {
        var (x, y) = (Base64UrlEncoder.Encode(key.Q.X), Base64UrlEncoder.Encode(key.Q.Y));
        var canonical = $$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""";
        return Base64UrlEncoder.Encode(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)));
    }

    private static byte[] WriteKeySet(IEnumerable<ECDsaSecurityKey> keys)
    {
        var set = keys.Select(key =>
        {
            var point = key.ECDsa.ExportParameters(includePrivateParameters: false).Q;
            return new
            {
                kty = "EC",
                crv = "P-256",
                use = "sig",
                alg = SecurityAlgorithms.EcdsaSha256,
                kid = key.KeyId,
                x = Base64UrlEncoder.Encode(point.X),
                y = Base64UrlEncoder.Encode(point.Y),
            };
        });
        return JsonSerializer.SerializeToUtf8Bytes(new { keys = set }, KeySetFormat);
    }

    private static readonly JsonSerializerOptions KeySetFormat =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
