namespace ChatCqrs.Domain;

/// <summary>
/// Content encrypted before it enters an event; opaque to the domain. Shredding any of the secrets behind its key makes
/// every copy unreadable at once.
/// </summary>
/// <param name="Bucket">
/// The expiry bucket whose secret is part of the key; null for content that does not expire (profiles).
/// </param>
/// <param name="Bytes">Nonce, ciphertext and authentication tag.</param>
/// <param name="Commit">
/// The commitment to the key, 32 bytes: no other key opens the content, although the cipher alone would allow it. Null
/// for content from before there were commitments, and in read models, which leave it out.
/// </param>
public sealed record SealedContent(string? Bucket, ReadOnlyMemory<byte> Bytes, ReadOnlyMemory<byte>? Commit = null);
