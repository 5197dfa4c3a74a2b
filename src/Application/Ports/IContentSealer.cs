using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Encrypts what people write before it enters an event, under a key derived (HKDF, RFC 5869) from up to three secrets: the expiry bucket's,
/// the owner's and the conversation's. Deleting any one of them makes the content unreadable wherever it is stored.
/// </summary>
public interface IContentSealer
{
    /// <summary>Seals content. Secrets that do not exist yet are created and stored first.</summary>
    /// <exception cref="RefusedException">One of them was shredded; it is never made again.</exception>
    ValueTask<SealedContent> SealAsync(SealScope scope, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Opens content; null when one of its secrets has been shredded.</summary>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The bytes were tampered with.</exception>
    ValueTask<ReadOnlyMemory<byte>?> OpenAsync(SealScope scope, SealedContent content, CancellationToken cancellationToken);

    /// <summary>
    /// Fetches in one go what opening several pieces of content takes, so that opening them asks for nothing more. It may be left out.
    /// </summary>
    ValueTask PrepareAsync(IEnumerable<(SealScope Scope, SealedContent Content)> contents, CancellationToken cancellationToken);

    /// <summary>
    /// Shreds the secrets of expiry buckets that have ended: what was sealed to expire in them is unreadable from then on, for ever, wherever it is stored.
    /// </summary>
    /// <returns>How many; less than <paramref name="limit"/> when there are no more.</returns>
    Task<int> ShredEndedAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>A hash of content under a key derived from the owner's secret: equal for equal content of one owner.</summary>
    ValueTask<Fingerprint> FingerprintAsync(UserId owner, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>
    /// Makes everything that somebody wrote unreadable, for ever, wherever it is stored, and refuses to seal anything for them again. Here at once; on other
    /// nodes as soon as they hear of it, and without that within a minute.
    /// </summary>
    Task ShredAsync(UserId owner, CancellationToken cancellationToken);
}

/// <summary>What a piece of content belongs to; takes part in its key and authenticates it.</summary>
/// <param name="ExpiresAt">When it expires; null for never. Decides the bucket when sealing; opening takes the bucket from the content.</param>
/// <param name="Owner">Who wrote it.</param>
/// <param name="Conversation">Where; null for a profile.</param>
/// <param name="Message">Which message; null for a profile. Authenticated, so that content cannot be moved to another message.</param>
public readonly record struct SealScope(DateTimeOffset? ExpiresAt, UserId Owner, ConversationId? Conversation, MessageId? Message);
