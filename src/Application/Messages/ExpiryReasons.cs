using ChatCqrs.Domain.Retention;

namespace ChatCqrs.Application.Messages;

/// <summary>The wire names of expiry reasons.</summary>
public static class ExpiryReasons
{
    public static string NameOf(ExpiryReason reason) => reason switch
    {
        ExpiryReason.Expired => "expired",
        ExpiryReason.Delivered => "delivered",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };

    public static ExpiryReason? Parse(string name) => name switch
    {
        "expired" => ExpiryReason.Expired,
        "delivered" => ExpiryReason.Delivered,
        _ => null,
    };
}
