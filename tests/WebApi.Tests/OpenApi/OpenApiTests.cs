using System.Text.Json;
using ChatCqrs.WebApi.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.OpenApi;

/// <summary>The OpenAPI document describes every endpoint completely.</summary>
public sealed class OpenApiTests(SharedServer server) : IClassFixture<SharedServer>, IAsyncLifetime
{
    /// <summary>Every operation that clients rely on.</summary>
    private static readonly string[] Promised =
    [
        "post /v1/registrations", "post /v1/registrations/{registration_id}/verification", "post /v1/tokens/refresh",
        "get /v1/users/me", "patch /v1/users/me", "get /v1/users/{user_id}", "get /v1/devices",
        "delete /v1/devices/{device_id}",
        "post /v1/conversations", "patch /v1/conversations/{id}", "post /v1/conversations/{id}/members",
        "delete /v1/conversations/{id}/members/{user_id}", "put /v1/conversations/{id}/members/{user_id}/role",
        "patch /v1/conversations/{id}/messages/{message_id}", "delete /v1/conversations/{id}/messages/{message_id}",
        "put /v1/conversations/{id}/messages/{message_id}/reaction",
        "delete /v1/conversations/{id}/messages/{message_id}/reaction",
        "put /v1/conversations/{id}/messages/{message_id}/vote",
        "delete /v1/conversations/{id}/messages/{message_id}/vote",
        "get /v1/conversations", "get /v1/conversations/{id}", "get /v1/conversations/{id}/members",
        "post /v1/messages", "get /v1/messages", "post /messages", "get /messages",
        "get /v1/conversations/{id}/messages", "get /v1/conversations/{id}/timeline",
        "get /v1/conversations/{id}/messages/{message_id}", "post /v1/conversations/{id}/receipts",
        "get /v1/conversations/{id}/messages/{message_id}/receipts", "get /v1/ws",
        "get /v1/admin/projections", "post /v1/admin/projections/{name}/rebuild",
        "post /v1/media", "post /v1/media/links",
        "get /v1/media/download", "post /v1/media/uploads", "patch /v1/media/uploads/{id}",
        "head /v1/media/uploads/{id}", "delete /v1/media/uploads/{id}", "get /hangfire",
        "post /v1/push-subscriptions", "get /v1/push-subscriptions", "delete /v1/push-subscriptions/{id}",
        "get /v1/push/vapid-public-key", "get /v1/server", "get /health/live", "get /health/ready",
        "get /metrics",
    ];

    private JsonElement _document;
    private List<Described> _operations = [];

    private sealed record Described(string Name, JsonElement Json)
    {
        public bool IsApi =>
            Name.Contains("/v1/", StringComparison.Ordinal) && Name is not ("get /v1/ws" or "get /v1/server")
            || Name.EndsWith(" /messages", StringComparison.Ordinal);

        public override string ToString() => Name;
    }

    public async Task InitializeAsync()
    {
        _document = (await server.GetAsync("/swagger/v1/swagger.json")).Is(200).Body;
        _operations =
        [
            .. _document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()
                .Select(operation => new Described($"{operation.Name} {path.Name}", operation.Value))),
        ];
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public void Every_endpoint_that_is_promised_is_described() =>
        Assert.Empty(Promised.Except(_operations.Select(operation => operation.Name)));

    [Fact]
    public void Every_endpoint_that_is_there_is_described()
    {
        var there = server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
                .Select(method => $"{method.ToLowerInvariant()} {endpoint.RoutePattern.RawText!.TrimEnd('/')}"))
            .Where(name => !name.Contains("/asyncapi/", StringComparison.Ordinal)
                && !name.Contains(" /audit", StringComparison.Ordinal)) // The page has no data.
            .Select(name => name.Replace("/hangfire/{**page}", "/hangfire", StringComparison.Ordinal))
            .Select(name => name.Replace("{**path}", "{path}", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(there);
        there.RemoveAll(name => there.Contains(name.Replace("head ", "get ", StringComparison.Ordinal))
            && name.StartsWith("head ", StringComparison.Ordinal)); // Answered wherever GET is.
        Assert.Empty(there.Except(_operations.Select(operation => operation.Name)));
    }

    [Fact]
    public void Every_operation_has_a_summary_a_description_a_name_and_a_group()
    {
        Assert.All(_operations, operation =>
        {
            foreach (var field in new[] { "summary", "description", "operationId" })
                Assert.False(string.IsNullOrWhiteSpace(operation.Json.GetProperty(field).GetString()), field);
            Assert.Single(operation.Json.GetProperty("tags").EnumerateArray());
        });
        var names = _operations.Select(operation => operation.Json.GetProperty("operationId").GetString()!).ToList();
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.All(names, name => Assert.Matches("^[a-z]+([A-Z][a-z]+)+$", name));
    }

    [Fact]
    public void Every_operation_has_examples_of_what_goes_in_and_comes_out() => Assert.All(_operations, operation =>
    {
        if (operation.Json.TryGetProperty("requestBody", out var body))
            Assert.All(
                body.GetProperty("content").EnumerateObject(),
                content => Conforms(content.Value, content.Value.GetProperty("example")));
        var withContent = Responses(operation).Where(response => response.Value.TryGetProperty("content", out _));
        Assert.All(withContent, response => Assert.All(
            response.Value.GetProperty("content").EnumerateObject(),
            content =>
            {
                if (content.Value.TryGetProperty("examples", out var examples))
                    Assert.All(
                        examples.EnumerateObject(),
                        example => Conforms(content.Value, example.Value.GetProperty("value")));
                else
                    Conforms(content.Value, content.Value.GetProperty("example"));
            }));
    });

    [Fact]
    public void Every_operation_says_how_it_refuses()
    {
        Assert.All(_operations.Where(operation => operation.IsApi), operation =>
        {
            var statuses = Responses(operation).Select(response => response.Name).ToList();
            Assert.Contains(statuses, status => status.StartsWith('2'));
            Assert.Superset(new HashSet<string> { "429", "503" }, statuses.ToHashSet());
            Assert.Equal(
                operation.Json.GetProperty("security").GetArrayLength() > 0,
                statuses.Contains("401") && !operation.Name.EndsWith("/tokens/refresh", StringComparison.Ordinal));
            Assert.All(Responses(operation).Where(response => response.Name[0] is '4' or '5'), response =>
                Assert.True(
                    response.Value.GetProperty("content").TryGetProperty("application/problem+json", out _),
                    response.Name));
            if (operation.Json.TryGetProperty("requestBody", out _))
                Assert.Superset(new HashSet<string> { "400", "413", "415" }, statuses.ToHashSet());
        });
    }

    [Fact]
    public void Every_refusal_has_one_of_the_codes_that_its_operation_lists() => Assert.All(_operations, operation =>
    {
        var refusals = Responses(operation).Where(response => response.Name[0] is '4' or '5').ToList();
        Assert.All(refusals, response =>
        {
            var content = response.Value.GetProperty("content");
            if (!content.TryGetProperty("application/problem+json", out var problem))
                return; // /health/ready answers 503 with its checks.
            var name = problem.GetProperty("schema").GetProperty("$ref").GetString()!.Split('/')[^1];
            var schema = _document.GetProperty("components").GetProperty("schemas").GetProperty(name);
            var codes = schema.GetProperty("properties").GetProperty("code").GetProperty("enum").EnumerateArray()
                .Select(code => code.GetString());
            Assert.Equal(
                operation.Json.GetProperty("operationId").GetString() + "Problem",
                char.ToLowerInvariant(name[0]) + name[1..]);
            Assert.All(
                problem.GetProperty("examples").EnumerateObject(), example => Assert.Contains(example.Name, codes));
        });
    });

    [Fact]
    public void Every_member_of_an_answer_is_required_but_those_that_are_left_out()
    {
        string[] leftOut =
        [
            "AuditedEntry.sealed", "AuditedEntry.gone", "AuditedEntry.votes", "DeviceLinkStatusAnswer.proof",
            "DeviceLinkStatusAnswer.payload", "DeviceLinkStatusAnswer.user_id",
            "DeviceLinkStatusAnswer.device_id", "DeviceLinkStatusAnswer.access_token",
            "DeviceLinkStatusAnswer.refresh_token", "DeviceLinkStatusAnswer.expires_in",
            "MessageView.votes", "RegistrationAnswer.code",
        ];
        var schemas = _document.GetProperty("components").GetProperty("schemas").EnumerateObject()
            .Where(schema => !schema.Name.EndsWith("Problem", StringComparison.Ordinal)
                && !schema.Name.EndsWith("Body", StringComparison.Ordinal)
                && schema.Name is not ("SubscribeKeys" or "ChangeConversationRetentionPatch")
                && schema.Value.TryGetProperty("properties", out _)).ToList();

        Assert.NotEmpty(schemas);
        Assert.Equal(leftOut, schemas.SelectMany(schema =>
        {
            var required = schema.Value.TryGetProperty("required", out var names)
                ? names.EnumerateArray().Select(name => name.GetString()!).ToHashSet()
                : [];
            return schema.Value.GetProperty("properties").EnumerateObject()
                .Where(member => !required.Contains(member.Name)).Select(member => $"{schema.Name}.{member.Name}");
        }));
    }

    [Fact]
    public void Closed_lists_are_enumerations()
    {
        var schemas = _document.GetProperty("components").GetProperty("schemas");

        Assert.All(ClosedLists.All, list =>
        {
            var values = schemas.GetProperty(list.Name).GetProperty("enum").EnumerateArray();
            Assert.Equal(list.Values, values.Select(value => value.GetString()!));
            Assert.NotEmpty(list.Members);
        });
        Assert.Contains(
            "\"$ref\":\"#/components/schemas/MessageType\"",
            schemas.GetProperty("MessageView").GetRawText().Replace(" ", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Positions_are_described_where_they_are()
    {
        Assert.All(_operations.Where(operation => operation.IsApi), operation =>
        {
            if (operation.Name.StartsWith("get ", StringComparison.Ordinal)
                || operation.Name.StartsWith("head ", StringComparison.Ordinal))
                Assert.Contains(
                    operation.Json.GetProperty("parameters").EnumerateArray(),
                    parameter => parameter.GetProperty("name").GetString() == "Chat-Min-Position");
            else
                Assert.Contains(
                    Responses(operation),
                    response => response.Value.TryGetProperty("headers", out var headers)
                        && headers.TryGetProperty("Chat-Position", out _));
        });
        var withParameters = _operations.Where(operation => operation.Json.TryGetProperty("parameters", out _));
        Assert.All(withParameters, operation => Assert.All(
            operation.Json.GetProperty("parameters").EnumerateArray(),
            parameter => Assert.False(
                string.IsNullOrWhiteSpace(parameter.GetProperty("description").GetString()),
                parameter.GetProperty("name").GetString())));
    }

    [Fact]
    public void The_document_is_OpenAPI_3_1_and_says_where_the_server_is()
    {
        Assert.StartsWith("3.1.", _document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.Equal("/", _document.GetProperty("servers")[0].GetProperty("url").GetString());
        Assert.DoesNotContain("\"nullable\"", _document.GetRawText(), StringComparison.Ordinal);
        var socket = _operations.Single(operation => operation.Name == "get /v1/ws");
        Assert.Contains(Responses(socket), response => response.Name == "101");
    }

    [Fact]
    public void The_document_says_how_to_sign_in()
    {
        var scheme = _document.GetProperty("components").GetProperty("securitySchemes").GetProperty("bearer");

        Assert.Equal(
            ("http", "bearer"), (scheme.GetProperty("type").GetString(), scheme.GetProperty("scheme").GetString()));
    }

    [Fact]
    public async Task The_page_shows_the_document()
    {
        var page = await server.Http.GetStringAsync("/swagger/index.html");
        var script = await server.Http.GetStringAsync("/swagger/index.js");

        Assert.Contains("swagger-ui", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.Contains("/swagger/v1/swagger.json", script, StringComparison.Ordinal);
    }

    private static IEnumerable<JsonProperty> Responses(Described operation) =>
        operation.Json.GetProperty("responses").EnumerateObject();

    private static bool MayBeNull(JsonElement schema) =>
        schema.TryGetProperty("anyOf", out var ways) ? ways.EnumerateArray().Any(MayBeNull)
        : schema.TryGetProperty("type", out var type) ? type.ValueKind == JsonValueKind.Array
            ? type.EnumerateArray().Any(one => one.GetString() == "null")
            : type.GetString() == "null"
        : !schema.TryGetProperty("$ref", out _);

    /// <summary>
    /// Asserts that an example has only fields of the schema, all required ones, and null only where it is allowed, at
    /// any depth.
    /// </summary>
    private void Conforms(JsonElement content, JsonElement example) =>
        ConformsTo(content.GetProperty("schema"), example);

    private void ConformsTo(JsonElement schema, JsonElement example)
    {
        if (example.ValueKind == JsonValueKind.Null)
        {
            Assert.True(MayBeNull(schema), $"It may not be null: {schema}");
            return;
        }

        if (schema.TryGetProperty("anyOf", out var ways))
            schema = Assert.Single(ways.EnumerateArray(), way => way.TryGetProperty("$ref", out _));

        if (schema.TryGetProperty("$ref", out var reference))
            schema = _document.GetProperty("components").GetProperty("schemas")
                .GetProperty(reference.GetString()!.Split('/')[^1]);
        if (example.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out var items))
            Assert.All(example.EnumerateArray(), item => ConformsTo(items, item));
        if (example.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("properties", out var properties))
            return;
        var members = example.EnumerateObject().Select(member => member.Name).ToList();
        Assert.Empty(members.Except(properties.EnumerateObject().Select(member => member.Name)));
        if (schema.TryGetProperty("required", out var required))
            Assert.Empty(required.EnumerateArray().Select(name => name.GetString()!).Except(members));
        foreach (var member in example.EnumerateObject())
            ConformsTo(properties.GetProperty(member.Name), member.Value);
    }
}
