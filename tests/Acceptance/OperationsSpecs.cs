using System.Text.Json;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>API descriptions, health, metrics and rebuilds.</summary>
public sealed class OperationsSpecs(Product product) : IClassFixture<Product>
{
    private static readonly (string Method, string Path)[] InScope =
    [
        ("post", "/v1/registrations"), ("post", "/v1/registrations/{}/verification"), ("post", "/v1/tokens/refresh"),
        ("get", "/v1/users/me"), ("patch", "/v1/users/me"), ("get", "/v1/users/{}"),
        ("get", "/v1/devices"), ("delete", "/v1/devices/{}"),
        ("post", "/v1/conversations"), ("get", "/v1/conversations"), ("get", "/v1/conversations/{}"),
        ("get", "/v1/conversations/{}/members"), ("get", "/v1/conversations/{}/timeline"),
        ("post", "/v1/messages"), ("get", "/v1/messages"), ("get", "/v1/conversations/{}/messages"),
        ("get", "/v1/conversations/{}/messages/{}"), ("get", "/v1/conversations/{}/messages/{}/receipts"),
        ("post", "/v1/conversations/{}/receipts"),
        ("get", "/v1/admin/projections"), ("post", "/v1/admin/projections/{}/rebuild"),
    ];

    [Fact]
    public async Task The_OpenAPI_document_describes_every_path()
    {
        var document = (await product.Api.GetAsync("/swagger/v1/swagger.json")).Expect(200).Json;
        Assert.StartsWith("3.", document.Text("openapi"), StringComparison.Ordinal);
        var paths = document.GetProperty("paths").EnumerateObject()
            .ToDictionary(path => Anonymous(path.Name), path => path.Value);
        Assert.All(InScope, operation =>
        {
            Assert.True(paths.TryGetValue(operation.Path, out var path), $"{operation.Path} is not described.");
            Assert.True(
                path.TryGetProperty(operation.Method, out var described),
                $"{operation.Method} {operation.Path} is not described.");
            Assert.False(
                string.IsNullOrWhiteSpace(described.Text("summary")),
                $"{operation.Method} {operation.Path} has no summary.");
            Assert.Contains(
                "example",
                described.GetRawText() + document.GetProperty("components").GetRawText(),
                StringComparison.Ordinal);
        });
        Assert.True(
            document.GetProperty("components").TryGetProperty("securitySchemes", out var schemes)
            && schemes.GetRawText().Contains("bearer", StringComparison.OrdinalIgnoreCase));
        var page = (await product.Api.GetAsync("/swagger/index.html")).Expect(200);
        Assert.Equal("text/html", page.MediaType);
        (await product.Api.GetAsync("/swagger")).Expect(200, 301, 302, 307, 308);
    }

    [Fact]
    public async Task The_AsyncAPI_document_describes_every_frame()
    {
        var document = (await product.Api.GetAsync("/asyncapi/v1/asyncapi.json")).Expect(200);
        Assert.NotNull(document.Json.Text("asyncapi"));
        foreach (var op in (string[])["send", "delivered", "read", "typing", "subscribe_presence", "sync", "ping",
            "welcome", "ack", "message", "update", "receipt", "presence", "synced", "error", "pong"])
            Assert.Contains($"\"{op}\"", document.Body, StringComparison.Ordinal);
        Assert.Contains("/v1/ws", document.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_and_metrics_answer()
    {
        (await product.Api.GetAsync("/health/live")).Expect(200);
        (await product.Api.GetAsync("/health/ready")).Expect(200);
        var metrics = (await product.Api.GetAsync("/metrics")).Expect(200);
        Assert.Equal("text/plain", metrics.MediaType);
        Assert.Contains("# TYPE", metrics.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_an_admin_rebuilds_projections_and_answers_stay_the_same()
    {
        var (ada, bob) = await product.PairAsync();
        var admin = await Person.RegisterAsync(product.Api, Phones.Admin, "Admin");
        (await ada.GetAsync("/v1/admin/projections")).Expect(403);
        (await ada.PostAsync("/v1/admin/projections/inbox/rebuild", null)).Expect(403);

        var sent = await ada.SayAsync(bob, "before the rebuild");
        await ada.SayAsync(bob, "and another");
        var position = await bob.ConfirmAsync(sent.ConversationId, delivered: 2, read: 1);
        async Task<string> SeenAsync() => string.Join('\n', (await Task.WhenAll(
            bob.GetAsync("/v1/conversations", position), bob.GetAsync("/v1/messages", position), bob.GetAsync(
                $"/v1/conversations/{sent.ConversationId}/timeline", position),
            ada.GetAsync(
                $"/v1/conversations/{sent.ConversationId}/messages/{sent.MessageId}/receipts",
                position), ada.GetAsync("/v1/conversations", position),
            ada.GetAsync($"/v1/users/{bob.Id}", position))).Select(answer => answer.Expect(200).Body));
        var before = await SeenAsync();

        var projections = await ProjectionsAsync(admin);
        Assert.NotEmpty(projections);
        Assert.All(projections, projection =>
        {
            foreach (var field in (string[])["position", "lag", "state"])
                Assert.True(projection.TryGetProperty(field, out _), $"{projection} has no {field}.");
        });
        (await admin.PostAsync("/v1/admin/projections/no-such-thing/rebuild", null)).Expect(404);
        foreach (var projection in projections)
        {
            var name = projection.Text("name")!;
            var state = projection.GetProperty("state").ToString();
            (await admin.PostAsync($"/v1/admin/projections/{Uri.EscapeDataString(name)}/rebuild", null))
                .Expect(200, 202, 204);
            Assert.Equal(before, await SeenAsync()); // The rebuild runs beside the live view.
            await Eventually.BeAsync(
                async () => (await ProjectionsAsync(admin)).Single(p => p.Text("name") == name)
                    .GetProperty("state").ToString() == state,
                $"{name} is rebuilt");
        }
        Assert.Equal(before, await SeenAsync());
        var later = (await ada.PostMessageAsync(Draft.To(bob.Id, "after the rebuild"))).Expect(201);
        Assert.Equal(3, (await bob.InboxItemAsync(sent.ConversationId, later.Position)).LastSeq);
    }

    private static async Task<List<JsonElement>> ProjectionsAsync(Person admin)
    {
        var answer = (await admin.GetAsync("/v1/admin/projections")).Expect(200).Json;
        var list = answer.ValueKind == JsonValueKind.Array ? answer : answer.GetProperty("projections");
        return [.. list.EnumerateArray()];
    }

    private static string Anonymous(string path) =>
        string.Join('/', path.Split('/').Select(part => part.StartsWith('{') ? "{}" : part));
}
