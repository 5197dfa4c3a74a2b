using System.Text.Json.Nodes;
using Json.Schema;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>
/// What the specification of the Relativity Short Message Format 2.0.0 says of rsmf_manifest.json: its fields, their
/// types and which are required. Stricter than it, nothing else may be in a manifest of ours.
/// </summary>
internal static class ShortMessageSchema
{
    private static readonly JsonObject Custom = Rows(Of(("name", Text(1)), ("value", Text(1))), "name", "value");
    private static readonly JsonObject Ids = List(Text(1));

    public static JsonSchema Read()
    {
        var participant = Of(
            ("id", Text(1)), ("display", Text()), ("email", Text()), ("avatar", Text()), ("account_id", Text()),
            ("custom", Custom));
        var conversation = Of(
            ("id", Text(1)), ("display", Text()), ("platform", Text(1)), ("type", OneOf("direct", "channel")),
            ("participants", Ids), ("custodian", Text()), ("custom", Custom), ("icon", Text()));
        var reaction = Of(("value", Text(1)), ("count", Number()), ("participants", Ids));
        var attachment = Of(("id", Text(1)), ("display", Text()), ("size", Number()));
        var edit = Of(("participant", Text(1)), ("timestamp", Time()), ("previous", Text()), ("new", Text()));
        var @event = Of(
            ("id", Text()), ("type", OneOf("message", "disclaimer", "join", "leave", "history", "unknown")),
            ("parent", Text()), ("body", Text()), ("participant", Text()), ("conversation", Text()),
            ("timestamp", Time()), ("deleted", new JsonObject { ["type"] = "boolean" }),
            ("importance", OneOf("normal", "high")), ("reactions", Rows(reaction, "value")),
            ("attachments", Rows(attachment, "id")), ("edits", Rows(edit, "participant")), ("custom", Custom));
        var manifest = Object(
            Of(
                ("version", Text(5)), ("eventcollectionid", Text()), ("participants", Rows(participant, "id")),
                ("conversations", Rows(conversation, "id", "platform", "participants")),
                ("events", Rows(@event, "type"))),
            "version", "participants", "conversations", "events");
        return JsonSchema.FromText(manifest.ToJsonString());
    }

    private static JsonObject Of(params (string Name, JsonObject Schema)[] fields) =>
        new(fields.Select(field => KeyValuePair.Create<string, JsonNode?>(field.Name, field.Schema.DeepClone())));

    private static JsonObject Object(JsonObject fields, params string[] required) => new()
    {
        ["type"] = "object",
        ["required"] = new JsonArray([.. required.Select(name => (JsonNode)name)]),
        ["properties"] = fields,
        ["additionalProperties"] = false,
    };

    private static JsonObject Rows(JsonObject fields, params string[] required) => List(Object(fields, required));

    private static JsonObject List(JsonObject item) => new() { ["type"] = "array", ["items"] = item };

    private static JsonObject Text(int atLeast = 0) => new() { ["type"] = "string", ["minLength"] = atLeast };

    private static JsonObject Time() => new() { ["type"] = "string", ["format"] = "date-time" };

    private static JsonObject Number() => new() { ["type"] = "integer" };

    private static JsonObject OneOf(params string[] values) =>
        new() { ["type"] = "string", ["enum"] = new JsonArray([.. values.Select(value => (JsonNode)value)]) };
}
