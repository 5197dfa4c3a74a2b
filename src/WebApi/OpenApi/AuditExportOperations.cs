using ChatCqrs.Application.Auditing.Exports;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Auditing;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Exports for auditors.</summary>
internal static class AuditExportOperations
{
    public const string Export = "0198c2a5-7000-7000-8000-0000000000f1";

    private const string Tag = "Audit exports";

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Post, "/v1/audit/exports", Tag, "Ask for an export",
            $"""
            A job writes an archive of up to {RequestExport.ConversationsMax} conversations: their events with the
            hashes that link them, and what they say as a page, as CSV and in Relativity's Short Message Format. Content
            is opened only within `matter_id`, and where the matter covers it. Of an auditor's exports
            {RequestExport.UnfinishedMax} may be unfinished. For the role `auditor`.
            """)
        {
            Id = "requestAuditExport",
            Required = ["conversation_ids"],
            Request =
                $$"""
                {"matter_id":null,"conversation_ids":["{{Examples.Conversation}}"],"from":"2026-01-01T00:00:00.000Z",
                 "to":null}
                """,
            Answers =
            [
                new(202, "The export is queued.", typeof(RequestedExportAnswer), $$"""{"export_id":"{{Export}}"}"""),
            ],
            Refusals =
            [
                Refusal.ConversationUnknown, Refusal.MatterUnknown, Refusal.MatterPending, Refusal.MatterEnded,
                Refusal.MatterScope, Refusal.TooManyExports,
            ],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/exports/{id}", Tag, "The progress of an export",
            "For the auditor who asked for it. `failed`: a matter has ended, or runs failed again and again.")
        {
            Id = "getAuditExport",
            Answers =
            [
                new(200, "The export.", typeof(AuditExportAnswer),
                    """{"status":"running","done":120000,"total":1000000,"size":null}"""),
            ],
            Refusals = [Refusal.ExportUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/audit/exports/{id}/file", Tag, "Download an export",
            """
            The archive, for the auditor who asked for it, until its time is over (`Audit:ExportsKept`); one with opened
            content only while its matter is open. `tools/verify` checks it offline.
            """)
        {
            Id = "downloadAuditExport",
            Answers = [new(200, "The archive.", null, "PK", "application/zip")],
            Refusals =
            [
                Refusal.ExportUnknown, Refusal.ExportUnfinished, Refusal.MatterUnknown, Refusal.MatterPending,
                Refusal.MatterEnded, Refusal.MatterScope,
            ],
            Statuses = [403],
        },
    ];
}
