namespace ChatCqrs.Application.Push;

/// <summary>The push services' names.</summary>
public static class PushPlatforms
{
    public const string WebPush = "webpush", Fcm = "fcm", Apns = "apns";

    public const string Names = "webpush, fcm, apns";

    public static bool Exists(string? name) => name is WebPush or Fcm or Apns;
}
