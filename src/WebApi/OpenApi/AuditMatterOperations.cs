using ChatCqrs.Application.Auditing;
using ChatCqrs.Domain;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Matters, holds, and who looked at what.</summary>
internal static class AuditMatterOperations
{
    public const string Tag = "Audit";

    private const string ScopeJson =
        $$"""
        "conversation_ids":["{{Examples.Conversation}}"],"user_ids":[],"from":"2026-01-01T00:00:00.000Z","to":null
        """;

    private const string MatterJson =
        $$"""
        {"matter_id":"{{Examples.Matter}}","title":"Complaint 12",
         "reason":"A customer says that an order was given in a chat.", {{ScopeJson}},
         "content":true,"requested_by":"{{Examples.Ann}}","requested_at":"2026-01-02T03:04:05.678Z",
         "until":"2026-01-20T00:00:00.000Z","status":"approved","approved_by":"{{Examples.Ben}}","refused_by":null}
        """;

    private const string HoldJson =
        $$"""
        {"hold_id":"{{Examples.Hold}}","matter_id":null,"reason":"A lawsuit is to be expected.", {{ScopeJson}},
         "placed_by":"{{Examples.Ben}}","placed_at":"2026-01-02T03:04:05.678Z","review_at":"2026-04-01T00:00:00.000Z",
         "status":"pending","approved_by":null,"refused_by":null}
        """;

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/audit/matters", Tag, "Ask for a matter",
            """
            Says which conversations are to be looked at, why, and until when: `conversation_ids` (at most 1,000),
            and with `user_ids` (at most 100) the conversations that these users belong to or ever belonged to. With
            `content`, and once it is approved, `?matter={matter_id}` opens the content of entries from `from` to `to`.
            It ends at `until`, at most 30 days ahead. Somebody else approves it, unless `Audit:Approval` of the server
            is `none`. Title and reason are kept for ever, in the clear. For the role `auditor`.
            """)
        {
            Id = "requestMatter",
            Required = ["title", "reason", "until"],
            Request =
                $$"""
                {"title":"Complaint 12","reason":"A customer says that an order was given in a chat.", {{ScopeJson}},
                 "content":true,"until":"2026-01-20T00:00:00.000Z"}
                """,
            Answers = [new(201, "The matter.", typeof(MatterView), MatterJson)],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/matters", Tag, "The matters",
            "The latest first. For the roles `auditor`, `admin` and `compliance`.")
        {
            Id = "listMatters",
            Answers =
            [
                new(200, "A page of matters.", typeof(ListMatters.Result),
                    $$"""{"matters":[{{MatterJson}}],"next_cursor":null}"""),
            ],
            Refusals = [Refusal.InvalidCursor],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/matters/{id}", Tag, "A matter",
            "As the log says now. For the roles `auditor`, `admin` and `compliance`.")
        {
            Id = "getMatter",
            Answers = [new(200, "The matter.", typeof(MatterView), MatterJson)],
            Refusals = [Refusal.MatterUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Post, "/v1/audit/matters/{id}/approval", Tag, "Approve or refuse a matter",
            """
            The caller must not be who asked for it. The same decision again is no error. For the roles `admin` and
            `compliance`.
            """)
        {
            Id = "settleMatter",
            Required = ["approve"],
            Request = """{"approve":true}""",
            Answers = [new(200, "The matter.", typeof(MatterView), MatterJson)],
            Refusals =
            [
                Refusal.MatterUnknown, Refusal.SelfApproval, Refusal.MatterEnded, Refusal.AlreadySettled,
            ],
            Statuses = [403],
        },
        new(HttpMethod.Post, "/v1/audit/holds", Tag, "Place a hold",
            """
            What a hold covers is neither truncated nor made unreadable, from its placing on until it is refused or
            released; what members see does not change. `conversation_ids` (at most 1,000) and `user_ids` (at most 100)
            are as in a matter. With `matter_id` alone it has the matter's scope. Somebody else approves it, unless
            `Audit:Approval` of the server is `none`. The reason is kept for ever, in the clear. For the role
            `compliance`.
            """)
        {
            Id = "placeHold",
            Required = ["reason", "review_at"],
            Request =
                $$"""
                {"matter_id":null,"reason":"A lawsuit is to be expected.", {{ScopeJson}},
                 "review_at":"2026-04-01T00:00:00.000Z"}
                """,
            Answers = [new(201, "The hold.", typeof(HoldView), HoldJson)],
            Refusals = [Refusal.MatterUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/holds", Tag, "The holds",
            "The latest first. For the roles `compliance`, `admin` and `auditor`.")
        {
            Id = "listHolds",
            Answers =
            [
                new(200, "A page of holds.", typeof(ListHolds.Result),
                    $$"""{"holds":[{{HoldJson}}],"next_cursor":null}"""),
            ],
            Refusals = [Refusal.InvalidCursor],
            Statuses = [403],
        },
        new(HttpMethod.Post, "/v1/audit/holds/{id}/approval", Tag, "Approve or refuse a hold",
            """
            The caller must not be who placed it. A refusal ends it. The same decision again is no error. For the roles
            `admin` and `compliance`.
            """)
        {
            Id = "settleHold",
            Required = ["approve"],
            Request = """{"approve":true}""",
            Answers = [new(200, "The hold.", typeof(HoldView), HoldJson)],
            Refusals = [Refusal.HoldUnknown, Refusal.SelfApproval, Refusal.AlreadySettled],
            Statuses = [403],
        },
        new(HttpMethod.Delete, "/v1/audit/holds/{id}", Tag, "Release a hold",
            """
            What it kept is at once as unreadable as it would have been without it, and is truncated by the next sweep.
            Releasing it again is no error. For the role `compliance`.
            """)
        {
            Id = "releaseHold",
            Answers = [new(204, "The hold is released.")],
            Refusals = [Refusal.HoldUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/access", Tag, "Who looked at what",
            """
            The calls of auditors, the latest first; this one is among them. `delivered` has what was answered, also
            of an answer that was cut off; null where the server ended before it could say so. `scope` is what the call
            asked for. `without_approval` says that matters needed no approval then. For the role `admin`.
            """)
        {
            Id = "listAccesses",
            Answers =
            [
                new(200, "A page of accesses.", typeof(ListAccesses.Result),
                    $$"""
                    {"accesses":[{"at":"2026-01-02T03:04:05.678Z","auditor_id":"{{Examples.Ann}}",
                      "device_id":"{{Examples.AnnsPhone}}","call":"state","conversation_id":"{{Examples.Conversation}}",
                      "matter_id":"{{Examples.Matter}}","scope":"as_of_seq=7","content":true,"without_approval":false,
                      "delivered":{"at":"2026-01-02T03:04:05.688Z","entries":8,
                        "sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} }],
                     "next_cursor":null}
                    """),
            ],
            Refusals =
            [
                Refusal.InvalidCursor, Refusal.MatterUnknown, Refusal.MatterPending, Refusal.MatterEnded,
            ],
            Statuses = [403],
        },
    ];
}
