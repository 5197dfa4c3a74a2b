using ChatCqrs.Domain;

namespace ChatCqrs.Infrastructure.Sealing;

/// <summary>What the secrets are called that content keys are derived from.</summary>
public static class SecretName
{
    /// <summary>The secret of what expires in a bucket, such as <c>day-2026-12-24</c>.</summary>
    public static string OfBucket(string bucket) => "bucket:" + bucket;

    public static string Of(UserId user) => "user:" + user;

    public static string Of(ConversationId conversation) => "conversation:" + conversation;
}
