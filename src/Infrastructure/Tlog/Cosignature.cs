using System.Buffers.Binary;
using System.Text;

namespace ChatCqrs.Infrastructure.Tlog;

/// <summary>
/// A witness's signature with a time under a checkpoint, Ed25519 (c2sp.org/tlog-cosignature@v1.0.1): eight bytes of
/// seconds since 1970 (big-endian), then the signature.
/// </summary>
internal static class Cosignature
{
    private const int TimeSize = 8;

    /// <summary>Whether a witness has signed this checkpoint's text at the time that the line says.</summary>
    public static bool IsValid(string text, NoteSignature line, VerifierKey witness) =>
        witness.Type == SignatureType.Cosignature && line.Name == witness.Name && line.KeyId == witness.Id
        && TimeOf(line) is { } time && witness.Verifies(Message(text, time), line.Bytes.Span[TimeSize..]);

    /// <summary>When it was signed, in seconds since 1970; null if this is no cosignature.</summary>
    public static long? TimeOf(NoteSignature line) =>
        line.Bytes.Length == TimeSize + VerifierKey.SignatureSize
            && BinaryPrimitives.ReadInt64BigEndian(line.Bytes.Span) is var time and >= 0
                ? time
                : null;

    /// <summary>Signs a checkpoint's text as a witness.</summary>
    /// <param name="text">The checkpoint's text.</param>
    /// <param name="signer">The witness's key.</param>
    /// <param name="time">Seconds since 1970.</param>
    public static NoteSignature Sign(string text, NoteSigner signer, long time)
    {
        var bytes = new byte[TimeSize + VerifierKey.SignatureSize];
        BinaryPrimitives.WriteInt64BigEndian(bytes, time);
        signer.Sign(Message(text, time)).CopyTo(bytes.AsSpan(TimeSize));
        var witness = new VerifierKey(signer.Verifier.Name, SignatureType.Cosignature, signer.Verifier.Raw.Span);
        return new NoteSignature(witness.Name, witness.Id, bytes);
    }

    private static byte[] Message(string text, long time) =>
        Encoding.UTF8.GetBytes($"cosignature/v1\ntime {TextLines.OfNumber(time)}\n{text}");
}
