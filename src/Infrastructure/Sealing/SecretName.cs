using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>The names of the secrets from which content keys are derived.</summary>
public static class SecretName
{
    private const string BucketPrefix = "bucket:";

    /// <summary>The name of a bucket's secret.</summary>
    /// <param name="bucket">Such as <c>day-2026-12-24</c>.</param>
    public static string OfBucket(string bucket) => BucketPrefix + bucket;

    /// <summary>When a bucket's secret must be shredded; null for other secrets.</summary>
    internal static DateTimeOffset? EndOf(string name) =>
        name.StartsWith(BucketPrefix, StringComparison.Ordinal) ? Bucket.EndOf(name[BucketPrefix.Length..]) : null;

    /// <summary>The name of a derived content key that a hold has in escrow.</summary>
    /// <param name="bucket">Null for content that does not expire.</param>
    public static string OfHeld(HoldId hold, string? bucket, UserId owner, ConversationId conversation) =>
        $"{OfAllHeld(hold)}{bucket}:{owner}:{conversation}";

    /// <summary>What the names of all keys that a hold has in escrow begin with.</summary>
    public static string OfAllHeld(HoldId hold) => $"hold:{hold}:";

    public static string Of(UserId user) => "user:" + user;

    /// <summary>The name of what is put aside of a user's secret while the user is erased under a hold.</summary>
    public static string OfLeaving(UserId user) => "leaving:" + user;

    public static string Of(ConversationId conversation) => "conversation:" + conversation;
}
