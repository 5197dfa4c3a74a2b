namespace ChatCqrs.Domain;

/// <summary>
/// What somebody wrote, encrypted before it enters an event; opaque to the domain. It becomes unreadable everywhere at once when one of the
/// secrets that its key is derived from is shredded.
/// </summary>
/// <param name="Bucket">The expiry bucket whose secret takes part in the key; null when it does not expire (a profile).</param>
/// <param name="Bytes">Nonce, ciphertext and authentication tag.</param>
public sealed record SealedContent(string? Bucket, ReadOnlyMemory<byte> Bytes);
