using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Json.Schema;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>
/// Checks JSON against the schemas of a document (JSON Schema 2020-12), each of which may refer to the document's named
/// ones.
/// </summary>
/// <param name="document">An OpenAPI 3.1 or AsyncAPI 3.0 document.</param>
internal sealed partial class SchemaCheck(JsonNode document)
{
    private const string Prefix = "#/components/schemas/";

    private static readonly EvaluationOptions Options = new()
    {
        OutputFormat = OutputFormat.List,
        RequireFormatValidation = true,
    };

    private readonly ConcurrentDictionary<string, JsonSchema> _schemas = new();

    public JsonNode Document { get; } = document;

    /// <param name="place">The schema's place in the document: the names on the way to it.</param>
    /// <returns>What is wrong with the value; empty if it conforms.</returns>
    public IReadOnlyList<string> FaultsOf(JsonElement value, params string[] place)
    {
        var schema = _schemas.GetOrAdd(string.Join('\n', place), _ => Build(place));
        var result = schema.Evaluate(value, Options);
        return result.IsValid
            ? []
            :
            [
                .. result.Details!.Where(detail => detail.Errors is not null).SelectMany(detail =>
                    detail.Errors!.Select(error => $"{detail.InstanceLocation} {error.Key}: {error.Value}")),
            ];
    }

    private JsonSchema Build(string[] place)
    {
        var schema = place.Aggregate(Document, (node, name) => node[name]!);
        var named = new JsonObject();
        AddNamed(schema, named);
        var whole = new JsonObject { ["allOf"] = new JsonArray(schema.DeepClone()), ["$defs"] = named };
        return JsonSchema.FromText(
            whole.ToJsonString().Replace(Prefix, "#/$defs/", StringComparison.Ordinal),
            new BuildOptions { SchemaRegistry = new SchemaRegistry() });
    }

    /// <summary>Adds the named schemas that a schema refers to, directly or by others.</summary>
    private void AddNamed(JsonNode schema, JsonObject named)
    {
        foreach (var name in Reference().Matches(schema.ToJsonString()).Select(match => match.Groups[1].Value))
        {
            if (named.ContainsKey(name))
                continue;
            var target = Document["components"]!["schemas"]![name]!;
            named[name] = target.DeepClone();
            AddNamed(target, named);
        }
    }

    [GeneratedRegex("\"#/components/schemas/([^\"]+)\"")]
    private static partial Regex Reference();
}
