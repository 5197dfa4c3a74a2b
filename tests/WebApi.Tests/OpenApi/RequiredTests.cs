using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ChatCqrs.WebApi.OpenApi;
using ChatCqrs.WebApi.Tests.Auditing;
using ChatCqrs.WebApi.Tests.Http;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>What the OpenAPI document calls required is what the server requires.</summary>
public sealed class RequiredTests(SignedInServer server) : IClassFixture<SignedInServer>
{
    /// <summary>Refused without them as they stand in the example, but not in every request.</summary>
    private static readonly string[] AtTimes =
    [
        "sendMessage receiver_id", "sendMessage text", "sendMessageAtAlias receiver_id", "sendMessageAtAlias text",
        "startConversation member_ids", "editMessage text", "subscribeToPush endpoint", "subscribeToPush keys",
        "settleDeviceLink proof", "requestMatter conversation_ids", "placeHold conversation_ids",
    ];

    public static TheoryData<string> Operations => [.. OperationDescriptions.All
        .Where(operation => operation is { Request: not null, RequestMediaType: "application/json" })
        .Select(operation => operation.Id)];

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task A_request_is_refused_without_what_is_required_and_taken_without_the_rest(string id)
    {
        var operation = OperationDescriptions.All.Single(one => one.Id == id);
        var found = new List<string>();
        foreach (var path in PathsOf(JsonNode.Parse(operation.Request!)!.AsObject(), ""))
        {
            if (await IsRefusedAsync(operation, path))
                found.Add(path);
        }

        var needed = found.Except(AtTimes.Where(name => name.StartsWith(id + " ", StringComparison.Ordinal))
            .Select(name => name[(id.Length + 1)..]));
        Assert.Equal(operation.Required.Order(StringComparer.Ordinal), needed.Order(StringComparer.Ordinal));
    }

    /// <summary>Sends the example without a member.</summary>
    /// <returns>Whether the answer says that this member is wrong.</returns>
    private async Task<bool> IsRefusedAsync(Operation operation, string without)
    {
        var body = JsonNode.Parse(operation.Request!)!.AsObject();
        var names = without.Split('.');
        var owner = names[..^1].Aggregate(body, (node, name) => node[name]!.AsObject());
        owner.Remove(names[^1]);
        var path = Regex.Replace(
            operation.Path, @"\{\w+\}", _ => Guid.CreateVersion7().ToString());

        var answer = await server.SendAsync(
            operation.Method, path, body, await TokenAsync(operation));

        return answer.Status == 400 && answer.Text("code") == "invalid"
            && answer["errors"].EnumerateObject().Any(error => error.Name == without
                || error.Name.StartsWith(without + ".", StringComparison.Ordinal));
    }

    /// <summary>The token of somebody who may call it.</summary>
    private async Task<string?> TokenAsync(Operation operation)
    {
        if (!operation.Path.StartsWith("/v1/audit/", StringComparison.Ordinal))
            return operation.Authorised ? server.Ann.Access : null;
        var isOfHolds = operation.Path.StartsWith("/v1/audit/holds", StringComparison.Ordinal);
        return (await (isOfHolds ? server.SignInComplianceAsync() : server.SignInAuditorAsync())).Access;
    }

    private static IEnumerable<string> PathsOf(JsonObject example, string outer) => example.SelectMany(member =>
        PathsOf(member.Value as JsonObject ?? [], outer + member.Key + ".").Prepend(outer + member.Key));
}
