using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Tlog;
using NSec.Cryptography;

namespace ChatCqrs.Infrastructure.Auditing;

/// <inheritdoc cref="ISignatures"/>
internal sealed class Ed25519Signatures : ISignatures
{
    public bool Verifies(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        signature.Length == VerifierKey.SignatureSize
        && PublicKey.TryImport(SignatureAlgorithm.Ed25519, key, KeyBlobFormat.RawPublicKey, out var imported)
        && imported is not null && SignatureAlgorithm.Ed25519.Verify(imported, data, signature);
}
