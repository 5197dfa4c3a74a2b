using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>JSON Web Tokens (RFC 7519) with ES256 signatures (RFC 7518, section 3.4), for push services.</summary>
internal static class SignedToken
{
    public static string Of(ECDsa key, object header, object claims)
    {
        var signed = $"{Encode(header)}.{Encode(claims)}";
        var signature = key.SignData(
            Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encode(object part) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(part));
}
