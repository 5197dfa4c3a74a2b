namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Ids and objects of the examples: Ann writes to Ben.</summary>
internal static class Examples
{
    public const string Ann = "0198c2a4-7f00-7000-8000-0000000000a1";
    public const string Ben = "0198c2a4-7f00-7000-8000-0000000000b2";
    public const string AnnsPhone = "0198c2a4-7f00-7000-8000-0000000000d1";
    public const string Conversation = "5f0c1c1e-2a3b-8c4d-9e5f-60718293a4b5";
    public const string Group = "0198c2a5-0000-7000-8000-0000000000a7";
    public const string Message = "0198c2a5-1000-7000-8000-0000000000c3";
    public const string Registration = "0198c2a4-7e00-7000-8000-0000000000e4";
    public const string Link = "0198c2a4-7e00-7000-8000-0000000000e5";
    public const string File = "0198c2a6-2000-7000-8000-0000000000f5";
    public const string Subscription = "0198c2a6-3000-7000-8000-0000000000f7";
    public const string Matter = "0198c2a6-4000-7000-8000-0000000000f8";
    public const string Hold = "0198c2a6-4000-7000-8000-0000000000f9";
    public const string Upload = "0198c2a6-2000-7000-8000-0000000000f6";
    public const string TraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

    public const string MessageJson =
        $$"""
        {"message_id":"{{Message}}","conversation_id":"{{Conversation}}","seq":7,"sender_id":"{{Ann}}",
         "sender_device_id":"{{AnnsPhone}}","type":"text","text":"hello","media_object":null,"document":null,
         "reply_to":null,"ciphertext":null,"epoch":null,"sent_at":"2026-01-02T03:04:05.678Z","edited_at":null,
         "deleted_at":null,"expires_at":"2026-02-01T03:04:05.678Z","reactions":{},"status":"delivered"}
        """;

    /// <summary>The fields of a conversation in the inbox, without the braces.</summary>
    public const string SummaryFields =
        $$"""
        "conversation_id":"{{Conversation}}","type":"direct","title":null,
        "with":{"user_id":"{{Ben}}","name":"Ben","avatar":null},"member_count":2,"encryption":null,"last_seq":7,
        "last_message":{{MessageJson}},"unread_count":1,"delivered_seq":7,"read_seq":6,"muted_until":null,
        "pinned":false,"archived":false,"updated_at":"2026-01-02T03:04:05.678Z"
        """;

    public const string ConversationJson =
        $$"""
        { {{SummaryFields}},
          "members":[{"user_id":"{{Ann}}","role":"member","joined_seq":0},
            {"user_id":"{{Ben}}","role":"member","joined_seq":0}],
          "retention":{"days":30,"disappearing_seconds":null},"epoch":null }
        """;

    public const string GroupJson =
        $$"""
        { "conversation_id":"{{Group}}","type":"group","title":"Climbing","with":null,"member_count":2,
          "encryption":null,"last_seq":8,"last_message":null,
          "unread_count":0,"delivered_seq":8,"read_seq":8,"muted_until":null,"pinned":false,"archived":false,
          "updated_at":"2026-01-02T03:04:05.678Z",
          "members":[{"user_id":"{{Ann}}","role":"admin","joined_seq":0},
            {"user_id":"{{Ben}}","role":"member","joined_seq":8}],
          "retention":{"days":7,"disappearing_seconds":null},"epoch":null }
        """;

    public const string TokensJson =
        $$"""
        {"user_id":"{{Ann}}","device_id":"{{AnnsPhone}}","access_token":"eyJhbGciOiJFUzI1NiJ9.e30.c2ln",
         "refresh_token":"cmVmcmVzaA","expires_in":900}
        """;
}
