using ChatCqrs.Domain;
using ChatCqrs.WebApi.Push;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Push subscriptions.</summary>
internal static class PushOperations
{
    private const string Tag = "Push";

    private const string SubscriptionJson =
        $$"""
        {"subscription_id":"{{Examples.Subscription}}","platform":"webpush","device_id":"{{Examples.AnnsPhone}}",
         "created_at":"2026-01-02T03:04:05.678Z"}
        """;

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/push-subscriptions", Tag, "Subscribe a device to wake-ups",
            """
            When messages come for the caller and no socket of the caller is open, the device gets a wake-up without
            content: `{unread, conversation_id}`. `webpush` needs the `endpoint` and `keys` of a browser's subscription
            with this server's public key; `fcm` needs a `token`; `apns` needs a `token` and the application's id as
            `topic`. Messages within a few seconds share one wake-up. A subscription ends with its device, and when the
            push service reports that it is gone. Another user may subscribe the same address beside it; a browser's
            subscription moves to them if they show the same `auth`. Muted and archived conversations wake nobody. A
            user has ten subscriptions at most by default; a further one replaces the oldest. Endpoints must be on port
            443 and outside private networks.
            """)
        {
            Id = "subscribeToPush",
            Required = ["platform", "keys.p256dh", "keys.auth"],
            Request =
                """
                {"platform":"webpush","endpoint":"https://updates.push.example/wpush/v2/gAAAAABl","keys":{
                  "p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                  "auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
                """,
            Refusals = [Refusal.Erased],
            Answers =
            [
                new(201, "The new subscription.", typeof(PushSubscriptionAnswer), SubscriptionJson),
                new(200, "The existing subscription.", typeof(PushSubscriptionAnswer), SubscriptionJson),
            ],
        },
        new(HttpMethod.Get, "/v1/push-subscriptions", Tag, "The caller's push subscriptions",
            "Oldest first, without endpoints, keys and tokens.")
        {
            Id = "listPushSubscriptions",
            Answers =
            [
                new(200, "The subscriptions.", typeof(PushSubscriptionsAnswer),
                    $$"""{"subscriptions":[{{SubscriptionJson}}]}"""),
            ],
        },
        new(HttpMethod.Get, "/v1/push-subscriptions/{id}", Tag, "A push subscription", "One of the caller's.")
        {
            Id = "getPushSubscription",
            Answers = [new(200, "The subscription.", typeof(PushSubscriptionAnswer), SubscriptionJson)],
            Refusals = [Refusal.SubscriptionUnknown],
        },
        new(HttpMethod.Delete, "/v1/push-subscriptions/{id}", Tag, "End a push subscription",
            "The device gets no more wake-ups.")
        {
            Id = "endPushSubscription",
            Answers = [new(204, "The subscription has ended.")],
            Refusals = [Refusal.SubscriptionUnknown],
        },
        new(HttpMethod.Get, "/v1/push/vapid-public-key", Tag, "This server's key for Web Push",
            "A browser needs it as `applicationServerKey` to subscribe (RFC 8292).")
        {
            Id = "getVapidPublicKey",
            Answers =
            [
                new(200, "The key.", typeof(VapidKeyAnswer),
                    """
                    {"public_key":
                      "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"}
                    """),
            ],
            Refusals = [Refusal.WebPushUnavailable],
        },
    ];
}
