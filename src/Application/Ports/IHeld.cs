using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Ports;

/// <summary>
/// What holds keep: their scopes in force, the derived keys that they have in escrow, and the files that they keep. Not
/// a read model: what is written here decides whether content is destroyed.
/// </summary>
public interface IHeld
{
    /// <summary>
    /// Waits for everything that removes content to end, and keeps it off until the lock is disposed; for placing.
    /// </summary>
    Task<IAsyncDisposable> LockForPlacingAsync(CancellationToken cancellationToken);

    /// <summary>No hold is placed until the lock is disposed; for what removes content.</summary>
    Task<IAsyncDisposable> LockForRemovingAsync(CancellationToken cancellationToken);

    /// <summary>The scopes in force; empty on most servers.</summary>
    Task<IReadOnlyList<HeldScope>> ScopesAsync(CancellationToken cancellationToken);

    /// <summary>Puts a scope in force. Does nothing if it is.</summary>
    Task PlaceAsync(HeldScope scope, CancellationToken cancellationToken);

    /// <summary>
    /// Ends a hold: its scope, its keys and its files. Content whose own secrets are gone is unreadable from then on.
    /// </summary>
    /// <returns>The users whose erasure the hold has limited.</returns>
    Task<IReadOnlyList<UserId>> EndAsync(HoldId hold, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations in a scope with entries that the hold has not been told of, and the first seq of these.
    /// </summary>
    Task<IReadOnlyList<(ConversationId Conversation, long From)>> UnreadAsync(
        HeldScope scope, CancellationToken cancellationToken);

    /// <summary>
    /// Puts the derived keys of content into escrow, as far as their secrets are there, and keeps files. Repeating it
    /// changes nothing.
    /// </summary>
    /// <param name="through">The last seq that was looked at.</param>
    Task KeepAsync(
        HoldId hold, ConversationId conversation, IReadOnlyCollection<HeldKey> keys, IReadOnlyCollection<FileId> files,
        long through, CancellationToken cancellationToken);

    /// <summary>Whether a conversation is in the scope of any hold.</summary>
    Task<bool> HoldsAsync(ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>
    /// Puts a user's secret aside before it is shredded: <see cref="KeepAsync"/> derives keys from it, and nothing else
    /// does. Does nothing if it was shredded already.
    /// </summary>
    Task PutAsideAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>Deletes what was put aside of a user's secret, for good.</summary>
    Task DropAsideAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>The holds that keep content of a user, and whose limit of the user's erasure is not noted.</summary>
    Task<IReadOnlyList<HoldId>> LimitingAsync(UserId user, CancellationToken cancellationToken);

    /// <summary>Notes that the holds have limited the user's erasure.</summary>
    Task NoteLimitAsync(UserId user, IReadOnlyCollection<HoldId> holds, CancellationToken cancellationToken);

    /// <summary>Opens content with a key in escrow.</summary>
    /// <param name="holds">The holds whose keys may be used.</param>
    /// <returns>Null if none of them has the key.</returns>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The bytes were tampered with.</exception>
    ValueTask<ReadOnlyMemory<byte>?> OpenAsync(
        IReadOnlyCollection<HoldId> holds, SealScope scope, SealedContent content, CancellationToken cancellationToken);
}

/// <summary>A hold in force.</summary>
public sealed record HeldScope(HoldId Hold, AuditScope Scope, DateTimeOffset PlacedAt);

/// <summary>A derived key, by the secrets behind it beside the conversation's.</summary>
/// <param name="Bucket">Null for content that does not expire.</param>
public readonly record struct HeldKey(string? Bucket, UserId Owner);
