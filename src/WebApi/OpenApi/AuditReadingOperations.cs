using ChatCqrs.Application.Auditing;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Auditing;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Finding, reading, replaying and verifying conversations, for auditors.</summary>
internal static class AuditReadingOperations
{
    private const string Audit = "Audit";

    private const string MatterNote =
        """
        Content is sealed; `?matter=` names an open matter that covers the conversation, and opens what it covers.
        """;

    /// <summary>What a matter in the query may be refused for.</summary>
    private static readonly Refusal[] OfMatters =
        [Refusal.MatterUnknown, Refusal.MatterScope, Refusal.MatterPending, Refusal.MatterEnded];

    private const string EventJson =
        $$"""
        {"seq":1,"type":"message-sent.v1","event_id":"0198c2a5-1000-7000-8000-0000000000e1",
         "occurred_at":"2026-01-02T03:04:05.678Z","prev_hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
         "hash":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","metadata":{"occurred_at":"2026-01-02T03:04:05.678Z"},
         "payload":{"message_id":"{{Examples.Message}}"},"raw":{"metadata":"{}","payload":"{}"} }
        """;

    private const string StateJson =
        $$"""
        {"conversation_id":"{{Examples.Conversation}}","as_of_seq":7,"as_of":"2026-01-02T03:04:05.678Z",
         "recorded_by":{"batch":4711,"time":"2026-01-02T03:05:00.000Z"},"type":"direct","title":null,"encryption":null,
         "retention":{"days":30,"disappearing_seconds":null},
         "members":[{"user_id":"{{Examples.Ann}}","role":"member","joined_seq":0,"delivered_seq":7,"read_seq":6}],
         "entries":[{"seq":7,"kind":"message","at":"2026-01-02T03:04:05.678Z","actor_id":"{{Examples.Ann}}",
           "message_id":"{{Examples.Message}}","type":"text","reply_to":null,"content":null,"sealed":true,
           "edited_at":null,"deleted_at":null,"reactions":{"👍":["{{Examples.Ben}}"]} }],"next_cursor":null}
        """;

    private const string ReplayLine =
        $$"""
        {"seq":8,"at":"2026-01-02T03:05:00.000Z","type":"reaction-set.v1","actor_id":"{{Examples.Ben}}","changes":[
          {"op":"add","path":"/entries/7/reactions","value":{"👍":["{{Examples.Ben}}"]} }]}
        """;

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Get, "/v1/audit/conversations", Audit, "Find conversations",
            """
            By a person and a time: metadata, to find what to look at. `user_id` is somebody who is or was a member;
            `from` and `to` leave out conversations that had ended their activity before or were started after. In the
            order of their ids; a page looks at a bounded number of conversations, so it may be shorter than `limit`,
            or empty, before `next_cursor` is null. `members` are the ids of all who ever were. For the role `auditor`;
            recorded before it is answered.
            """)
        {
            Id = "findAuditedConversations",
            Answers =
            [
                new(200, "A page of conversations.", typeof(FindConversations.Result),
                    $$"""
                    {"conversations":[{"conversation_id":"{{Examples.Conversation}}","type":"direct","encryption":null,
                      "started_at":"2026-01-02T03:04:00.000Z","last_at":"2026-01-02T03:04:05.678Z","last_seq":7,
                      "members":["{{Examples.Ann}}","{{Examples.Ben}}"]}],"next_cursor":null}
                    """),
            ],
            Refusals = [Refusal.InvalidCursor, Refusal.MatterUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/conversations/{id}/events", Audit, "Events of a conversation",
            $"""
            As the log holds them, with their chain hashes, content sealed; `raw` has the exact bytes. `stream` is
            `conversation` (the entries) or `receipts`. A page, or with `Accept: {AuditReadingEndpoints.Lines}` all events
            after `after_seq`, one a line, without a limit. A page ends early where its events are large.
            """)
        {
            Id = "listAuditedEvents",
            RequestHeaders = new Dictionary<string, string>
            {
                ["Accept"] = $"`{AuditReadingEndpoints.Lines}` for all events, one a line.",
            },
            Answers =
            [
                new(200, "A page of events, or all, one a line.", typeof(ReadEvents.Result),
                    $$"""{"events":[{{EventJson}}],"next_cursor":null}"""),
            ],
            Refusals = [Refusal.ConversationUnknown, Refusal.InvalidCursor, .. OfMatters],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/conversations/{id}/state", Audit, "A conversation at a moment",
            $"""
            As it stood right after the entry `as_of_seq`, at the time `as_of`, or now: members and messages, newest
            first, with what had been done to them by then. Receipts count by their time, at the same millisecond after
            the entry. A message goes when its time is over, not when a sweep comes. {MatterNote} `gone` says why there is
            no content: `expired`, `deleted`, `erased`, `truncated` (the log has lost it), `altered` (its bytes are not
            what was written). `delivered_seq` and `read_seq` are -1 for nothing, and null where receipts are not kept
            any more. `recorded_by` is the first batch of the log of heads that covers the moment's last entry.
            """)
        {
            Id = "getAuditedState",
            Answers = [new(200, "The state.", typeof(AuditedState), StateJson)],
            Refusals =
            [
                Refusal.ConversationUnknown, Refusal.BeforeFirstEntry, Refusal.SeqBeyondEnd, Refusal.InvalidCursor,
                .. OfMatters,
            ],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/conversations/{id}/replay", Audit, "Replay a conversation",
            $"""
            One event a line: `changes` is a JSON Patch (RFC 6902) on a document that begins as an empty object, with
            `type`, `title`, `encryption`, `retention`, `members` by id, and `entries` by seq, each as in the state. Receipts
            stand between the entries by their time, with `seq` null. With `from_seq` the first line brings the state
            there; so does the first line where the log was truncated. After the last line the document is the state at
            `to_seq`, or now. Two kinds of lines are no events: `receipts`, for receipts that the log has lost and the
            views know, and at the end `expiry`, for messages that went since the last event. {MatterNote}
            """)
        {
            Id = "replayConversation",
            Answers =
            [
                new(200, "The lines.", null, ReplayLine, AuditReadingEndpoints.Lines),
            ],
            Refusals = [Refusal.ConversationUnknown, Refusal.SeqBeyondEnd, .. OfMatters],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/conversations/{id}/verification", Audit, "Verify a conversation",
            """
            Reads all that the log holds of the conversation's entries and receipts, and verifies their hash chains from
            where the log begins (`from_seq`). A problem's `code` is `hash_mismatch` (the bytes were changed),
            `link_broken` (a whole event that followed another one), `missing` (events before it are not there),
            `tail_missing` (the last entries are not there) or `head_mismatch` (a published head has another hash).
            `anchored_seq`, `batch` and `checkpoint_size` tell the newest published head, null while there is none. One at
            a time for each caller, four on a node: then 429.
            """)
        {
            Id = "verifyConversation",
            Answers =
            [
                new(200, "What was verified.", typeof(VerifyConversation.Result),
                    """
                    {"verified":true,"events":12,"head":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                     "first_bad_seq":null,"from_seq":0,"anchored_seq":7,"batch":4711,"checkpoint_size":4712,
                     "problems":[]}
                    """),
            ],
            Refusals = [Refusal.ConversationUnknown, Refusal.VerificationRunning, .. OfMatters],
            Statuses = [403],
        },
    ];
}
