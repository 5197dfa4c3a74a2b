using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>What the secrets are called that content keys are derived from.</summary>
public static class SecretName
{
    private const string BucketPrefix = "bucket:";

    /// <summary>The secret of what expires in a bucket, such as <c>day-2026-12-24</c>.</summary>
    public static string OfBucket(string bucket) => BucketPrefix + bucket;

    /// <summary>When the secret of a bucket is to be shredded; null for another secret.</summary>
    internal static DateTimeOffset? EndOf(string name) =>
        name.StartsWith(BucketPrefix, StringComparison.Ordinal) ? Bucket.EndOf(name[BucketPrefix.Length..]) : null;

    public static string Of(UserId user) => "user:" + user;

    public static string Of(ConversationId conversation) => "conversation:" + conversation;
}
