using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace ChatCqrs.Verify.Tests;

/// <summary>A private key under a name, which signs notes.</summary>
internal sealed class Signer
{
    private readonly byte[] _seed;
    private readonly byte[] _public = new byte[Ed25519.PublicKeySize];

    public Signer(string name, byte seed)
    {
        (Name, _seed) = (name, [.. Enumerable.Repeat(seed, Ed25519.SecretKeySize)]);
        Ed25519.GeneratePublicKey(_seed, 0, _public, 0);
    }

    public string Name { get; }

    private byte[] Id => SHA256.HashData([.. Encoding.UTF8.GetBytes(Name + "\n"), 1, .. _public])[..4];

    public string Key => $"{Name}+{Convert.ToHexStringLower(Id)}+{Convert.ToBase64String([1, .. _public])}";

    public string Sign(string text)
    {
        var (bytes, signature) = (Encoding.UTF8.GetBytes(text), new byte[Ed25519.SignatureSize]);
        Ed25519.Sign(_seed, 0, bytes, 0, bytes.Length, signature, 0);
        return $"{text}\n— {Name} {Convert.ToBase64String([.. Id, .. signature])}\n";
    }
}
