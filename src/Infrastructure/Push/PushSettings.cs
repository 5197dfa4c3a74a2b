namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Credentials of the push services (section <c>Push</c> of the configuration). A service without credentials is off.
/// </summary>
public sealed record PushSettings
{
    public VapidOptions Vapid { get; init; } = new();
    public FcmOptions? Fcm { get; init; }
    public ApnsOptions? Apns { get; init; }
}

/// <summary>Voluntary application server identification for Web Push (RFC 8292).</summary>
public sealed record VapidOptions
{
    /// <summary>
    /// A PEM file with a private key on P-256. Development creates it if it is missing. Browsers bind subscriptions to
    /// this key: a new key invalidates them.
    /// </summary>
    public string? KeyFile { get; set; }

    /// <summary>The private key as PEM text, instead of a file.</summary>
    public string? Key { get; init; }

    /// <summary>The operator's contact for push services: a mailto or https address.</summary>
    public string Subject { get; set; } = "";
}

/// <summary>Firebase Cloud Messaging, HTTP v1.</summary>
public sealed record FcmOptions
{
    /// <summary>The service account's key, a JSON file from the Firebase console.</summary>
    public string ServiceAccountFile { get; init; } = "";

    public Uri Endpoint { get; init; } = new("https://fcm.googleapis.com");
}

/// <summary>Apple's push service, with provider tokens.</summary>
public sealed record ApnsOptions
{
    /// <summary>The signing key (.p8) from Apple's developer account.</summary>
    public string KeyFile { get; init; } = "";

    public string KeyId { get; init; } = "";

    public string TeamId { get; init; } = "";

    public Uri Endpoint { get; init; } = new("https://api.push.apple.com");
}
