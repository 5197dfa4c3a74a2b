using ChatCqrs.Application.Auditing;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Auditing;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>The logs that others can verify.</summary>
internal static class AuditLogOperations
{
    public const string Tag = "Verifiable logs";

    private const string Binary = "application/octet-stream";
    private const string Text = "text/plain";

    private const string Note =
        """
        chat.example.org/v1/audit/heads
        4711
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

        — chat.example.org/v1/audit/heads Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

        """;

    private const string Proof =
        """
        c2sp.org/tlog-proof@v1
        extra Y2hhdGNxcnMvaGVhZC92MQo=
        index 4710
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

        """ + "\n" + Note;

    private const string Head =
        """
        chatcqrs/head/v1
        conversation-0198c2a4-7f00-7000-8000-0000000000c1
        41200 41233
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

        """;

    private static readonly Operation[] Common =
    [
        new(HttpMethod.Get, "/v1/audit/checkpoints", Tag, "Published checkpoints",
            """
            The published checkpoints of a log, the newest first: `log` is `heads` (the default) or `keys`. `note` is a
            signed note (c2sp.org/signed-note), `vkey` the key to verify it with. Keep checkpoints: a later one must be
            consistent with them.
            """)
        {
            Id = "listCheckpoints",
            Answers =
            [
                new(200, "The checkpoints.", typeof(GetCheckpoints.Result),
                    """
                    {"vkey":"chat.example.org/v1/audit/heads+0379e095+AQ3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO",
                     "checkpoints":[{"size":4711,"root":"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
                       "time":"2026-11-29T18:57:00.000Z","note":"chat.example.org/v1/audit/heads\n4711\n.."}],
                     "next_cursor":null}
                    """),
            ],
            Refusals = [Refusal.InvalidCursor],
        },
        new(HttpMethod.Get, "/v1/audit/heads/batches/{number}/tile/{path}", Tag, "A tile of a batch's tree",
            """
            `number` is that in the batch's entry; the tree's leaves are the batch's head records. For the role
            `auditor`.
            """)
        {
            Id = "getBatchTile",
            Answers = [new(200, "Up to 256 hashes of 32 bytes.", null, "...", Binary), new(304, "It is unchanged.")],
            Refusals = [AuditLogEndpoints.TileUnknown, AuditLogEndpoints.BatchUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/heads/batches/{number}/openings", Tag, "The head records of a batch",
            """
            In the order of the batch's tree, an empty line between two. The leaf of a record is SHA-256 over a zero
            byte and its bytes. For the role `auditor`.
            """)
        {
            Id = "listBatchHeads",
            Answers = [new(200, "The records.", null, Head, Text)],
            Refusals = [AuditLogEndpoints.BatchUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/conversations/{id}/proof", Tag, "A proof for an auditor",
            """
            That the conversation's newest logged head is in the log (c2sp.org/tlog-proof). `extra` has the head's
            record, its inclusion in the batch, and the batch's entry. For the role `auditor`.
            """)
        {
            Id = "getConversationProof",
            Answers = [new(200, "The proof.", null, Proof, Text)],
            Refusals = [Refusal.ConversationUnknown, Refusal.NotLoggedYet],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/conversations/{id}/proof", Tag, "A proof for a member",
            """
            That the conversation's newest logged head is in the log (c2sp.org/tlog-proof). Compare the head's hash with
            that of the entry, keep the checkpoint, and ask for consistency at the next one.
            """)
        {
            Id = "getOwnConversationProof",
            Answers = [new(200, "The proof.", null, Proof, Text)],
            Refusals = [Refusal.ConversationUnknown, Refusal.NotLoggedYet],
        },
    ];

    public static readonly IReadOnlyList<Operation> All = [.. Of("heads"), .. Of("keys"), .. Common];

    private static IEnumerable<Operation> Of(string log) =>
    [
        new(HttpMethod.Get, $"/v1/audit/{log}/checkpoint", Tag, $"The newest checkpoint of the log of {log}",
            """
            A signed note (c2sp.org/tlog-checkpoint). To everybody if `Audit:Public` is set, else to who is signed in.
            """)
        {
            Id = log == "heads" ? "getHeadsCheckpoint" : "getKeysCheckpoint",
            Answers = [new(200, "The checkpoint.", null, Note, Text)],
            Refusals = [Refusal.NotLoggedYet],
        },
        new(HttpMethod.Get, $"/v1/audit/{log}/tile/{{path}}", Tag, $"A tile of the log of {log}",
            """
            `path` is `{L}/{N}` or `entries/{N}`, with `.p/{W}` for a partial tile (c2sp.org/tlog-tiles). A tile never
            changes. To everybody if `Audit:Public` is set, else to who is signed in.
            """)
        {
            Id = log == "heads" ? "getHeadsTile" : "getKeysTile",
            Answers =
            [
                new(200, "Up to 256 hashes of 32 bytes, or entries after their lengths.", null, "...", Binary),
                new(304, "It is unchanged."),
            ],
            Refusals = [AuditLogEndpoints.TileUnknown],
        },
    ];
}
