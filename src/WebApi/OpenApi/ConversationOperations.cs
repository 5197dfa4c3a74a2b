using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Receipts;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Conversations;
using ChatCqrs.WebApi.Messages;

namespace ChatCqrs.WebApi.OpenApi;

internal static class ConversationOperations
{
    private const string Conversations = "Conversations";
    private const string Messages = "Messages";

    private const string MessagePlace =
        $$"""{"message_id":"{{Examples.Message}}","conversation_id":"{{Examples.Conversation}}","seq":7,"sent_at":"2026-01-02T03:04:05.678Z"}""";

    private static readonly Operation Send = new(
        HttpMethod.Post, "/v1/messages", Messages, "Send a message",
        """
        Answers once the message is durable. `message_id` is the client's own UUID, best of version 7: the same id again answers 200 with the first answer
        and stores nothing, for ever, so a client that is unsure sends again. Exactly one of `receiver_id` (a user, a phone or a conversation) and
        `conversation_id` is given. `text` has up to 65,536 bytes of UTF-8, `ciphertext` up to 256 KiB.
        """)
    {
        Request =
            $$"""
            {"message_id":"{{Examples.Message}}","receiver_id":"{{Examples.Ben}}","type":"text","text":"hello","reply_to":null}
            """,
        Answers =
        [
            new(201, "The message is durable.", typeof(SentAnswer), MessagePlace),
            new(200, "It was there already: the first answer again.", typeof(SentAnswer), MessagePlace),
        ],
        Refusals =
        [
            Refusal.SenderMismatch, Refusal.Blocked, Refusal.UserUnknown, Refusal.ConversationUnknown, Refusal.MessageIdReused, Refusal.DirectWithOneself,
        ],
    };

    private static readonly Operation Unread = new(
        HttpMethod.Get, "/v1/messages", Messages, "The caller's unread messages",
        "Of all conversations, oldest first within each. Reading them changes nothing: acknowledge them with receipts.")
    {
        Answers = [new(200, "A page of them.", typeof(GetUnread.Result), $$"""{"messages":[{{Examples.MessageJson}}],"next_cursor":null}""")],
        Refusals = [Refusal.NotTheCaller, Refusal.InvalidCursor],
    };

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/conversations", Conversations, "Start a conversation",
            """
            A direct conversation of two users is one and the same whoever asks, however often: 201 when it is new, 200 when it exists. A group
            (`{"type":"group","title":..,"member_ids":[..]}`) is new each time; whoever starts it is its admin.
            """)
        {
            Request = $$"""{"type":"direct","member_ids":["{{Examples.Ben}}"]}""",
            Answers =
            [
                new(201, "It was started.", typeof(ConversationDetails), Examples.ConversationJson),
                new(200, "It existed.", typeof(ConversationDetails), Examples.ConversationJson),
            ],
            Refusals = [Refusal.DirectWithOneself, Refusal.DirectWithSeveral, Refusal.UserUnknown, Refusal.Blocked],
        },
        new(HttpMethod.Get, "/v1/conversations", Conversations, "The caller's inbox",
            "Newest activity first. Its pages go by the order of the moment when the first one was asked for: what becomes active meanwhile is neither missed nor shown twice.")
        {
            Answers =
            [
                new(200, "A page of it.", typeof(GetInbox.Result), $$"""{"conversations":[{ {{Examples.SummaryFields}} }],"next_cursor":null}"""),
            ],
            Refusals = [Refusal.InvalidCursor],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}", Conversations, "Show a conversation", "To its members; to others it does not exist.")
        {
            Answers = [new(200, "The conversation.", typeof(ConversationDetails), Examples.ConversationJson)],
            Refusals = [Refusal.ConversationUnknown],
        },
        new(HttpMethod.Patch, "/v1/conversations/{id}/settings", Conversations, "Pin, archive or mute a conversation",
            """
            The caller's own settings, which nobody else sees. A merge patch (RFC 7396): what is absent stays, and `muted_until` null ends the silence. Being pinned or archived
            changes nothing in the inbox's order: that is for clients to show.
            """)
        {
            Request = """{"muted_until":"2026-01-09T03:04:05.678Z","pinned":true}""",
            Answers =
            [
                new(200, "The settings as they are now.", typeof(SettingsAnswer),
                    """{"muted_until":"2026-01-09T03:04:05.678Z","pinned":true,"archived":false}"""),
            ],
            Refusals = [Refusal.ConversationUnknown],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/members", Conversations, "Who belongs to a conversation", "In the order of joining.")
        {
            Answers =
            [
                new(200, "The members.", typeof(GetMembers.Result),
                    $$"""{"members":[{"user_id":"{{Examples.Ann}}","name":"Ann","role":"member","joined_seq":0}]}"""),
            ],
            Refusals = [Refusal.ConversationUnknown],
        },
        Send, Unread,
        Send with { Path = "/messages", Summary = "Send a message (alias of /v1/messages)" },
        Unread with { Path = "/messages", Summary = "The caller's unread messages (alias of /v1/messages)" },
        new(HttpMethod.Get, "/v1/conversations/{id}/messages", Messages, "Messages of a conversation",
            """
            In seq order: the newest ones, those before `before_seq`, or those after `after_seq`. A page ends at some 8 MiB, so very large messages make it shorter
            than `limit`: the last page is one that is empty.
            """)
        {
            Answers = [new(200, "The messages.", typeof(GetMessages.Result), $$"""{"messages":[{{Examples.MessageJson}}]}""")],
            Refusals = [Refusal.ConversationUnknown],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/timeline", Messages, "Every entry of a conversation",
            """
            In seq order and without a gap: messages, and updates such as `member_added` with their `data` (see the AsyncAPI document). A message that has expired
            keeps its place, without content. A page ends at some 8 MiB, so very large messages make it shorter than `limit`: `last_seq` tells where the end is.
            """)
        {
            Answers =
            [
                new(200, "The entries.", typeof(GetTimeline.Result),
                    $$"""
                    {"entries":[{"seq":0,"kind":"conversation_started","at":"2026-01-02T03:04:00.000Z","actor_id":"{{Examples.Ann}}","message":null,
                      "data":{"type":"direct","title":null,"member_ids":["{{Examples.Ann}}","{{Examples.Ben}}"] } }],"last_seq":7}
                    """),
            ],
            Refusals = [Refusal.ConversationUnknown],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/messages/{message_id}", Messages, "One message", "With its status: what holds for every recipient.")
        {
            Answers = [new(200, "The message.", typeof(MessageView), Examples.MessageJson)],
            Refusals = [Refusal.ConversationUnknown, Refusal.MessageUnknown],
        },
        new(HttpMethod.Post, "/v1/conversations/{id}/receipts", Messages, "Acknowledge messages",
            "Everything up to that seq, as delivered, as read, or both. A lower value than before changes nothing. Reading implies delivery.")
        {
            Request = """{"delivered_seq":7,"read_seq":6}""",
            Answers = [new(204, "It is recorded.")],
            Refusals = [Refusal.ConversationUnknown, Refusal.SeqBeyondEnd],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/messages/{message_id}/receipts", Messages, "Who has got and read a message", "To its sender.")
        {
            Answers =
            [
                new(200, "The recipients.", typeof(GetMessageReceipts.Result),
                    $$"""{"recipients":[{"user_id":"{{Examples.Ben}}","delivered_at":"2026-01-02T03:04:06.000Z","read_at":null}]}"""),
            ],
            Refusals = [Refusal.ConversationUnknown, Refusal.MessageUnknown, Refusal.NotTheSender],
        },
        new(HttpMethod.Get, "/v1/ws", Messages, "Open the WebSocket",
            "The live connection. Its frames are described in the AsyncAPI document at `/asyncapi/v1/asyncapi.json`. The access token may also be the query's `access_token`.")
        {
            Api = false,
            Answers = [new(101, "The connection is a WebSocket now (RFC 6455).")],
            Refusals = [Refusal.Unauthenticated, Refusal.TokenInvalid, Refusal.TokenExpired, Refusal.DeviceSignedOut],
        },
    ];
}
