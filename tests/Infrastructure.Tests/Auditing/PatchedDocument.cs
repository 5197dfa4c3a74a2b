using System.Text.Json.Nodes;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// A document of objects that is patched (RFC 6902). Strict: what is removed or written into must be there.
/// </summary>
internal sealed class PatchedDocument
{
    public JsonObject Root { get; } = [];

    public void Apply(JsonNode line)
    {
        foreach (var change in line["changes"]!.AsArray())
            Apply((string)change!["op"]!, (string)change["path"]!, change["value"]);
    }

    private void Apply(string op, string path, JsonNode? value)
    {
        var names = path.Split('/')[1..];
        var owner = names[..^1].Aggregate(Root, (node, name) => node[name]!.AsObject());
        switch (op)
        {
            case "add":
                owner[names[^1]] = value?.DeepClone();
                break;
            case "remove":
                Assert.True(owner.Remove(names[^1]), $"There is no {path} to remove.");
                break;
            default:
                Assert.Fail($"The operation {op} is not used.");
                break;
        }
    }
}
