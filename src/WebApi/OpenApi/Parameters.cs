using System.Globalization;
using System.Text.Json.Nodes;
using ChatCqrs.Application;
using ChatCqrs.WebApi.Http;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>The meaning of parameters in paths, queries and headers; a name means the same in all operations.</summary>
internal static class Parameters
{
    private static readonly Dictionary<string, (string Description, OpenApiSchema Schema, string Example)> Known = new()
    {
        ["id"] = ("The conversation.", Uuid(), Examples.Conversation),
        ["message_id"] = ("The message.", Uuid(), Examples.Message),
        ["user_id"] = ("A user; in a query, the caller.", Uuid(), Examples.Ben),
        ["ids"] = ("Users, with commas between them.", Text(), $"{Examples.Ann},{Examples.Ben}"),
        ["device_id"] = ("One of the caller's devices.", Uuid(), Examples.AnnsPhone),
        ["link_id"] = ("The device link.", Uuid(), Examples.Link),
        ["registration_id"] = ("The registration.", Uuid(), Examples.Registration),
        ["name"] = ("The projection's name.", Text(), "timeline"),
        ["/v1/media/uploads/{id} id"] = ("The upload.", Uuid(), Examples.Upload),
        ["/v1/audit/matters/{id} id"] = ("The matter.", Uuid(), Examples.Matter),
        ["/v1/audit/matters/{id}/approval id"] = ("The matter.", Uuid(), Examples.Matter),
        ["/v1/audit/holds/{id} id"] = ("The hold.", Uuid(), Examples.Hold),
        ["/v1/audit/holds/{id}/approval id"] = ("The hold.", Uuid(), Examples.Hold),
        ["/v1/audit/access auditor"] = ("Only this auditor's accesses.", Uuid(), Examples.Ann),
        ["/v1/audit/access from"] = ("Only accesses from this time on.", Time(), "2026-01-01T00:00:00.000Z"),
        ["/v1/audit/access to"] = ("Only accesses up to this time.", Time(), "2026-01-31T00:00:00.000Z"),
        ["/v1/audit/exports/{id} id"] = ("The export.", Uuid(), AuditExportOperations.Export),
        ["/v1/audit/exports/{id}/file id"] = ("The export.", Uuid(), AuditExportOperations.Export),
        ["/v1/push-subscriptions/{id} id"] = ("The subscription.", Uuid(), Examples.Subscription),
        ["file_id"] = ("The file.", Uuid(), Examples.File),
        ["expires"] = ("The end of the address's validity, in seconds since 1970.", Number(0), "1767323100"),
        ["signature"] = ("The server's signature of the address.", Text(), "Aqveb83vEjRWeJCrze8SNFY"),
        ["cursor"] = ("The `next_cursor` of the page before.", Text(), "MTIz"),
        ["limit"] = ("The most items of the page.", Number(1, Paging.LimitMax, Paging.LimitDefault), "50"),
        ["at"] = (
            "A time in the form of RFC 3339, with its zone; alone, without `before_seq` and `after_seq`.",
            Time(), "2026-01-02T03:04:05.678Z"),
        ["log"] = ("`heads` or `keys`.", Text(), "heads"),
        ["number"] = ("The batch's number.", Number(1), "4711"),
        ["path"] = ("`{L}/{N}` or `entries/{N}`, with `.p/{W}` for a partial tile.", Text(), "0/x001/234.p/12"),
        ["before_seq"] = ("Only entries before this seq.", Number(0), "100"),
        ["after_seq"] = ("Only entries after this seq; -1 for all.", Number(-1), "7"),
        ["as_of_seq"] = ("Right after this entry; alone, without `as_of`.", Number(0), "7"),
        ["as_of"] = (
            "At this time, in the form of RFC 3339 with its zone, not to come; alone, without `as_of_seq`.", Time(),
            "2026-01-02T03:04:05.678Z"),
        ["from_seq"] = ("The first line brings the state right after this entry.", Number(0), "7"),
        ["to_seq"] = ("The last entry; without it the newest, and the receipts after it.", Number(0), "100"),
        ["stream"] = ("`conversation` or `receipts`.", Text(), "conversation"),
        ["matter"] = ("An open matter.", Uuid(), Examples.Matter),
        ["/v1/audit/conversations user_id"] = ("Somebody who is or was a member.", Uuid(), Examples.Ben),
        ["/v1/audit/conversations from"] = (
            "Leaves out conversations whose last activity was before this time.", Time(), "2026-01-01T00:00:00Z"),
        ["/v1/audit/conversations to"] = (
            "Leaves out conversations that were started after this time.", Time(), "2026-02-01T00:00:00Z"),
    };

    public static readonly OpenApiParameter MinPosition = new()
    {
        Name = PositionToken.RequestHeader,
        In = ParameterLocation.Header,
        Description = $"The {PositionToken.AnswerHeader} of a command: the answer is at least as new. Waits up to 5 s, "
            + "then 503.",
        Schema = Text(),
        Example = "AAAAAAAAEmc8JGFi",
    };

    public static OpenApiHeader Position => new()
    {
        Description = $"The position of the command's events in the log, for {PositionToken.RequestHeader}.",
        Schema = Text(),
        Example = "AAAAAAAAEmc8JGFi",
    };

    public static OpenApiHeader RetryAfter => new()
    {
        Description = "The seconds to wait before a retry.",
        Schema = Number(1),
        Example = 1,
    };

    /// <summary>Adds the meaning, schema and example of a known parameter.</summary>
    public static void Describe(OpenApiParameter parameter, string path)
    {
        if (!Known.TryGetValue($"{path} {parameter.Name}", out var known)
            && !Known.TryGetValue(parameter.Name!, out known))
            return;
        parameter.Description = known.Description;
        parameter.Schema = known.Schema;
        parameter.Example = known.Schema.Type == JsonSchemaType.Integer
            ? JsonValue.Create(long.Parse(known.Example, CultureInfo.InvariantCulture))
            : JsonValue.Create(known.Example);
    }

    /// <summary>A header that only some operations have.</summary>
    public static OpenApiParameter Header(string name, string meaning) =>
        new() { Name = name, In = ParameterLocation.Header, Description = meaning, Schema = Text() };

    private static OpenApiSchema Uuid() => new() { Type = JsonSchemaType.String, Format = "uuid" };

    private static OpenApiSchema Time() => new() { Type = JsonSchemaType.String, Format = "date-time" };

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };

    private static OpenApiSchema Number(long min, long? max = null, long? standard = null) => new()
    {
        Type = JsonSchemaType.Integer,
        Format = "int64",
        Minimum = min.ToString(CultureInfo.InvariantCulture),
        Maximum = max?.ToString(CultureInfo.InvariantCulture),
        Default = standard is null ? null : JsonValue.Create(standard.Value),
    };
}
