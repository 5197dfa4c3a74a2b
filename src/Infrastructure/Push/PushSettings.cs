namespace ChatCqrs.Infrastructure.Push;

/// <summary>What each push service needs (section <c>Push</c> of the configuration). One that has nothing wakes nobody.</summary>
public sealed record PushSettings
{
    public VapidOptions Vapid { get; init; } = new();
    public FcmOptions? Fcm { get; init; }
    public ApnsOptions? Apns { get; init; }
}

/// <summary>Voluntary application server identification for Web Push (RFC 8292).</summary>
public sealed record VapidOptions
{
    /// <summary>A private key on P-256 in a PEM file. In Development it is made if it is missing. It must stay: subscriptions belong to it.</summary>
    public string? KeyFile { get; set; }

    /// <summary>Such a key as PEM text, instead of a file.</summary>
    public string? Key { get; init; }

    /// <summary>Whom a push service can turn to: a mailto or https address.</summary>
    public string Subject { get; set; } = "";
}

/// <summary>Firebase Cloud Messaging, HTTP v1.</summary>
public sealed record FcmOptions
{
    /// <summary>The service account's key, a JSON file from the Firebase console.</summary>
    public string ServiceAccountFile { get; init; } = "";

    public Uri Endpoint { get; init; } = new("https://fcm.googleapis.com");
}

/// <summary>Apple's push service, by provider tokens.</summary>
public sealed record ApnsOptions
{
    /// <summary>The signing key (.p8) from Apple's developer account.</summary>
    public string KeyFile { get; init; } = "";

    public string KeyId { get; init; } = "";

    public string TeamId { get; init; } = "";

    public Uri Endpoint { get; init; } = new("https://api.push.apple.com");
}
