using ChatCqrs.Domain;
using ChatCqrs.Domain.Messages;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// Encrypts content before it enters an event, under a key derived (HKDF, RFC 5869) from up to three secrets: the
/// expiry bucket's, the owner's and the conversation's. Deleting any of them makes every copy of the content
/// unreadable.
/// </summary>
public interface IContentSealer
{
    /// <summary>Seals content. Creates and stores missing secrets first.</summary>
    /// <exception cref="RefusedException">One of the secrets was shredded; it is never created again.</exception>
    ValueTask<SealedContent> SealAsync(
        SealScope scope, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Opens content; null if one of its secrets was shredded.</summary>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The bytes were tampered with.</exception>
    ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        SealScope scope, SealedContent content, CancellationToken cancellationToken);

    /// <summary>
    /// Fetches the secrets of several pieces of content in one query, so that opening them needs none. Optional.
    /// </summary>
    ValueTask PrepareAsync(
        IEnumerable<(SealScope Scope, SealedContent Content)> contents, CancellationToken cancellationToken);

    /// <summary>
    /// Shreds the secrets of expiry buckets that have ended. Content sealed with them becomes unreadable for ever, in
    /// every copy.
    /// </summary>
    /// <returns>How many were shredded; less than <paramref name="limit"/> if none are left.</returns>
    Task<int> ShredEndedAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// A hash of content under a key derived from the owner's secret: equal for equal content of the same owner.
    /// </summary>
    ValueTask<Fingerprint> FingerprintAsync(
        UserId owner, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>
    /// Makes all of an owner's content unreadable for ever, in every copy, and refuses to seal more. Takes effect at
    /// once on this node; on other nodes when they receive the notice, within a minute at the latest.
    /// </summary>
    Task ShredAsync(UserId owner, CancellationToken cancellationToken);
}

/// <summary>The context of content. It takes part in the key and is authenticated.</summary>
/// <param name="ExpiresAt">
/// When the content expires, UTC; null for never. Selects the bucket when sealing; opening reads the bucket from the
/// content.
/// </param>
/// <param name="Owner">The author.</param>
/// <param name="Conversation">The conversation; null for a profile.</param>
/// <param name="Message">
/// The message; null for a profile. Authenticated, so that content cannot be moved to another message.
/// </param>
public readonly record struct SealScope(
    DateTimeOffset? ExpiresAt, UserId Owner, ConversationId? Conversation, MessageId? Message);
