namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>
/// One of the secrets that content keys are derived from, as PostgreSQL holds it: wrapped. A shredded one keeps its row, so that it is never made
/// again, and has no bytes.
/// </summary>
public sealed record Secret
{
    /// <summary>What it belongs to: <c>bucket:day-2026-12-24</c>, <c>user:{id}</c> or <c>conversation:{id}</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The master key it is wrapped under.</summary>
    public required string KeyId { get; init; }

    /// <summary>Nonce, ciphertext and tag; null once it is shredded.</summary>
    public required byte[]? Wrapped { get; init; }

    public bool IsShredded => Wrapped is null;
}
