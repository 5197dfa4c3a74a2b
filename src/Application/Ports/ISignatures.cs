namespace ChatCqrs.Application.Ports;

/// <summary>Checks signatures of devices: Ed25519 (RFC 8032).</summary>
public interface ISignatures
{
    /// <param name="key">A public key, 32 bytes.</param>
    /// <param name="data">What was signed.</param>
    /// <param name="signature">64 bytes.</param>
    /// <returns>False also for a key or a signature of another length, and for a key that is none.</returns>
    bool Verifies(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature);
}
