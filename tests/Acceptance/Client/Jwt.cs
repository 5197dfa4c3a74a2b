using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.Acceptance.Client;

/// <summary>The parts of a JSON Web Token (RFC 7519), and forgeries made from them.</summary>
public sealed class Jwt
{
    private readonly string[] _parts;

    public Jwt(string token) => _parts = token.Split('.');

    public JsonElement Header => Json.Parse(Encoding.UTF8.GetString(Decode(_parts[0])));

    public JsonElement Claims => Json.Parse(Encoding.UTF8.GetString(Decode(_parts[1])));

    /// <summary>Whether this key of a key set (RFC 7517) signed the token with ES256.</summary>
    public bool IsSignedBy(JsonElement key)
    {
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Decode(key.Text("x")!), Y = Decode(key.Text("y")!) },
        });
        return ecdsa.VerifyData(
            Encoding.ASCII.GetBytes($"{_parts[0]}.{_parts[1]}"), Decode(_parts[2]), HashAlgorithmName.SHA256);
    }

    /// <summary>Well-formed tokens with a wrong signature or algorithm; the server must refuse each.</summary>
    public IEnumerable<string> Forgeries(JsonElement publicKey)
    {
        var none = Encode(Encoding.UTF8.GetBytes("""{"alg":"none","typ":"JWT"}"""));
        yield return $"{none}.{_parts[1]}.";
        yield return $"{_parts[0]}.{_parts[1]}.";
        yield return $"{_parts[0]}.{_parts[1]}";

        var signature = Decode(_parts[2]);
        signature[10] ^= 1;
        yield return $"{_parts[0]}.{_parts[1]}.{Encode(signature)}";

        var claims = Encoding.UTF8.GetString(Decode(_parts[1]));
        var longer = Encode(Encoding.UTF8.GetBytes(claims.Replace("\"exp\":1", "\"exp\":2", StringComparison.Ordinal)));
        yield return $"{_parts[0]}.{longer}.{_parts[2]}";

        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var signed = Encoding.ASCII.GetBytes($"{_parts[0]}.{_parts[1]}");
        yield return $"{_parts[0]}.{_parts[1]}.{Encode(stranger.SignData(signed, HashAlgorithmName.SHA256))}";

        // HS256 with the public key as the shared secret.
        var symmetric = Encode(
            Encoding.UTF8.GetBytes($$"""{"alg":"HS256","typ":"JWT","kid":"{{Header.Text("kid")}}"}"""));
        var mac = HMACSHA256.HashData(
            Encoding.UTF8.GetBytes(publicKey.GetRawText()), Encoding.ASCII.GetBytes($"{symmetric}.{_parts[1]}"));
        yield return $"{symmetric}.{_parts[1]}.{Encode(mac)}";
    }

    private static byte[] Decode(string text) => Base64Url.DecodeFromChars(text);

    private static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);
}
