using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Inbox;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Receipts;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Conversations;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Messages;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Conversations, their messages and receipts, and the socket.</summary>
internal static class ConversationOperations
{
    private const string Conversations = "Conversations";
    private const string Messages = "Messages";

    private const string MessagePlace =
        $$"""
        {"message_id":"{{Examples.Message}}","conversation_id":"{{Examples.Conversation}}","seq":7,
         "sent_at":"2026-01-02T03:04:05.678Z"}
        """;

    private static readonly Operation Send = new(
        HttpMethod.Post, "/v1/messages", Messages, "Send a message",
        """
        Answers once the message is durable. `message_id` is a UUID that the client creates, preferably of version 7. It
        is the idempotency key without an end: a retry stores nothing and returns the first answer with 200, so a client
        that is unsure retries. It names one message of a conversation: the id of another sender's message there is 409.
        Give exactly one of `receiver_id` (a user, a phone or a conversation) and `conversation_id`. `text` has up to
        65,536 bytes of UTF-8, `ciphertext` up to 256 KiB.
        """)
    {
        Id = "sendMessage",
        Required = ["message_id", "type"],
        Request =
            $$"""
            {"message_id":"{{Examples.Message}}","receiver_id":"{{Examples.Ben}}","type":"text","text":"hello",
             "reply_to":null}
            """,
        Answers =
        [
            new(201, "The message is durable.", typeof(SentAnswer), MessagePlace),
            new(200, "A retry: the first answer again.", typeof(SentAnswer), MessagePlace),
        ],
        Refusals =
        [
            Refusal.SenderMismatch, Refusal.Blocked, Refusal.UserUnknown, Refusal.ConversationUnknown,
            Refusal.MessageIdReused, Refusal.DirectWithOneself, Refusal.FileNotToSend, Refusal.MessageUnknown,
            Refusal.Erased,
        ],
    };

    private static readonly Operation Unread = new(
        HttpMethod.Get, "/v1/messages", Messages, "The caller's unread messages",
        "Of all conversations, oldest first within each. They stay unread until they are acknowledged with receipts.")
    {
        Id = "listUnreadMessages",
        Answers =
        [
            new(200, "A page of unread messages.", typeof(GetUnread.Result),
                $$"""{"messages":[{{Examples.MessageJson}}],"next_cursor":null}"""),
        ],
        Refusals = [Refusal.NotTheCaller, Refusal.InvalidCursor],
    };

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/conversations", Conversations, "Start a conversation",
            """
            Two users have at most one direct conversation: 201 when it is new, 200 when it exists, whichever of them
            asks. Each request for a group (`{"type":"group","title":..,"member_ids":[..]}`) starts a new one with the
            caller as its admin. With a `conversation_id` that the client creates (a UUID, not of version 8), a group can be
            asked for again: the same title and members answer 200 with the first one, 404 once the caller has left it;
            another title, other members or another caller are 409. Nobody is put into a group by somebody whom they have
            blocked.
            """)
        {
            Id = "startConversation",
            Required = ["type"],
            Request = $$"""{"type":"direct","member_ids":["{{Examples.Ben}}"]}""",
            Answers =
            [
                new(201, "The new conversation.", typeof(ConversationDetails), Examples.ConversationJson),
                new(200, "The existing conversation.", typeof(ConversationDetails), Examples.ConversationJson),
            ],
            Refusals =
            [
                Refusal.DirectWithOneself, Refusal.DirectWithSeveral, Refusal.UserUnknown, Refusal.Blocked,
                Refusal.ConversationUnknown, Refusal.ConversationIdReused,
                Refusal.Erased,
            ],
        },
        new(HttpMethod.Get, "/v1/conversations", Conversations, "The caller's inbox",
            """
            Newest activity first. A page is all that a client needs to draw its list: `with` is the other member of a
            direct conversation (the names null once they have erased their account) and null for a group. All pages
            follow the order at the time of the first request, so that new activity neither skips nor repeats a
            conversation.
            """)
        {
            Id = "listConversations",
            Answers =
            [
                new(200, "A page of the inbox.", typeof(GetInbox.Result),
                    $$"""{"conversations":[{ {{Examples.SummaryFields}} }],"next_cursor":null}"""),
            ],
            Refusals = [Refusal.InvalidCursor],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}", Conversations, "Show a conversation",
            "For its members; for other callers it does not exist.")
        {
            Id = "getConversation",
            Answers = [new(200, "The conversation.", typeof(ConversationDetails), Examples.ConversationJson)],
            Refusals = [Refusal.ConversationUnknown],
        },
        new(HttpMethod.Patch, "/v1/conversations/{id}/settings", Conversations, "Pin, archive or mute a conversation",
            """
            The caller's own settings; other members do not see them. A merge patch (RFC 7396): absent fields stay, and
            a null `muted_until` ends the mute. `pinned` and `archived` do not change the order of the inbox: clients
            show them.
            """)
        {
            Id = "changeConversationSettings",
            Request = """{"muted_until":"2026-01-09T03:04:05.678Z","pinned":true}""",
            Answers =
            [
                new(200, "The changed settings.", typeof(SettingsAnswer),
                    """{"muted_until":"2026-01-09T03:04:05.678Z","pinned":true,"archived":false}"""),
            ],
            Refusals = [Refusal.ConversationUnknown],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/members", Conversations, "The members of a conversation",
            "In the order of joining.")
        {
            Id = "listMembers",
            Answers =
            [
                new(200, "The members.", typeof(GetMembers.Result),
                    $$"""{"members":[{"user_id":"{{Examples.Ann}}","name":"Ann","role":"member","joined_seq":0}]}"""),
            ],
            Refusals = [Refusal.ConversationUnknown],
        },
        Send, Unread,
        Send with
        {
            Id = "sendMessageAtAlias", Path = "/messages", Summary = "Send a message (alias of /v1/messages)",
        },
        Unread with
        {
            Id = "listUnreadMessagesAtAlias", Path = "/messages",
            Summary = "The caller's unread messages (alias of /v1/messages)",
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/messages", Messages, "Messages of a conversation",
            """
            In seq order: the newest messages, those before `before_seq`, those after `after_seq`, or those from the
            first one on that was sent at or after `at`. `next_cursor` leads to later messages from a page that began
            with `after_seq` or `at`, to earlier ones from any other. A page has at most about 8 MiB, so that very large
            messages make it shorter than `limit`.
            """)
        {
            Id = "listMessages",
            Answers =
            [
                new(200, "The messages.", typeof(GetMessages.Result),
                    $$"""{"messages":[{{Examples.MessageJson}}],"next_cursor":null}"""),
            ],
            Refusals = [Refusal.ConversationUnknown, Refusal.InvalidCursor],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/timeline", Messages, "Every entry of a conversation",
            """
            In seq order and without a gap: messages, and updates such as `member_added` with their `data` (see the
            AsyncAPI document). An expired message keeps its place, without content. A page has at most about 8 MiB, so
            that very large messages make it shorter than `limit`: the conversation ends at `last_seq`.
            """)
        {
            Id = "listTimeline",
            Answers =
            [
                new(200, "The entries.", typeof(GetTimeline.Result),
                    $$"""
                    {"entries":[{"seq":0,"kind":"conversation_started","at":"2026-01-02T03:04:00.000Z",
                      "actor_id":"{{Examples.Ann}}","message":null,
                      "data":{"type":"direct","title":null,
                        "member_ids":["{{Examples.Ann}}","{{Examples.Ben}}"] } }],"last_seq":7}
                    """),
            ],
            Refusals = [Refusal.ConversationUnknown],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/messages/{message_id}", Messages, "One message",
            "Its `status` is the least that holds for every recipient.")
        {
            Id = "getMessage",
            Answers = [new(200, "The message.", typeof(MessageView), Examples.MessageJson)],
            Refusals = [Refusal.ConversationUnknown, Refusal.MessageUnknown],
        },
        new(HttpMethod.Post, "/v1/conversations/{id}/receipts", Messages, "Acknowledge messages",
            """
            Acknowledges everything up to a seq as delivered, as read, or both. A lower seq than before changes nothing.
            Reading implies delivery.
            """)
        {
            Id = "acknowledgeMessages",
            Request = """{"delivered_seq":7,"read_seq":6}""",
            Answers = [new(204, "The receipt is durable.")],
            Refusals = [Refusal.ConversationUnknown, Refusal.SeqBeyondEnd],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/messages/{message_id}/receipts", Messages,
            "The receipts of a message", "For its sender: when each recipient received and read it.")
        {
            Id = "listReceipts",
            Answers =
            [
                new(200, "The recipients.", typeof(GetMessageReceipts.Result),
                    $$"""
                    {"recipients":[{"user_id":"{{Examples.Ben}}","delivered_at":"2026-01-02T03:04:06.000Z",
                      "read_at":null}]}
                    """),
            ],
            Refusals = [Refusal.ConversationUnknown, Refusal.MessageUnknown, Refusal.NotTheSender],
        },
        new(HttpMethod.Get, "/v1/ws", Messages, "Open the WebSocket",
            """
            The AsyncAPI document at `/asyncapi/v1/asyncapi.json` describes its frames. Clients that cannot set a header
            give the access token as `access_token` in the query, or give none: then the first frame is `authenticate`.
            """)
        {
            Id = "openSocket",
            Api = false,
            Answers = [new(101, "The connection is a WebSocket now (RFC 6455).")],
            Refusals =
            [
                Refusal.Unauthenticated, Refusal.TokenInvalid, Refusal.TokenExpired, Refusal.DeviceSignedOut,
                SocketGateway.WebSocketRequired, Origins.Refused, Refusal.RateLimited, Problems.StoreUnavailable,
            ],
            Statuses = [414, 500, 503],
        },
    ];
}
