using System.Globalization;
using System.Text.Json.Nodes;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>
/// Adds the descriptions of all endpoints (<see cref="Operation"/>) to the OpenAPI document, with the refusals common
/// to endpoints of a kind.
/// </summary>
internal sealed class OperationDescriptions : IDocumentFilter
{
    public const string SecurityScheme = "bearer";

    /// <summary>The scheme of the secret of a device link.</summary>
    public const string LinkScheme = "link";

    public static readonly IReadOnlyList<Operation> All =
    [
        .. AccountOperations.All, .. DeviceLinkOperations.All, .. PeopleOperations.All,
        .. ConversationOperations.All, .. GroupOperations.All,
        .. MediaOperations.All, .. PushOperations.All,
        .. AuditReadingOperations.All, .. AuditLogOperations.All, .. AuditMatterOperations.All,
        .. AuditExportOperations.All,
        .. OperationsOperations.All,
    ];

    /// <summary>The groups of operations: what each is about.</summary>
    private static readonly Dictionary<string, string> Tags = new()
    {
        ["Registration and tokens"] = "From a phone number to tokens, and new tokens for old ones.",
        ["Account and devices"] = "One's own profile, devices, data and the end of an account.",
        ["Device links"] = "A new device signs in by a QR code that another one of the same person scans.",
        ["Contacts and blocks"] = "Who of one's contacts is here, and who may not write.",
        ["Conversations"] = "The inbox, one's settings of a conversation, and receipts.",
        ["Messages"] = "Messages, what happens to them, and the socket.",
        ["Groups"] = "Members, roles and titles of groups.",
        ["Media"] = "Files: uploads in one request or by tus, and downloads.",
        ["Push"] = "Wake-ups for devices without a socket.",
        [AuditLogOperations.Tag] = "Signed logs of the heads of streams and of devices' keys, and proofs.",
        ["Audit"] = "For auditors, and for those who watch them: how conversations stood, and who looked.",
        ["Audit exports"] = "For auditors: archives of conversations that verify offline.",
        ["Operations"] = "For operators: health, metrics, read models and jobs.",
    };

    private static readonly Refusal[] OfTokens =
        [Refusal.Unauthenticated, Refusal.TokenInvalid, Refusal.TokenExpired, Refusal.DeviceSignedOut];

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        swaggerDoc.Tags = All.Select(described => described.Tag).Distinct()
            .Select(tag => new OpenApiTag { Name = tag, Description = Tags[tag] }).ToHashSet();
        foreach (var described in All)
            Describe(swaggerDoc, Find(swaggerDoc, described), described, context);
        context.SchemaRepository.Schemas.Remove(nameof(Problem)); // Each operation has its own.
        SchemaMembers.Describe(context, All);
        NullableSchemas.Correct(swaggerDoc);
    }

    /// <summary>The endpoint's operation in the document; a new one where the framework has none.</summary>
    private static OpenApiOperation Find(OpenApiDocument document, Operation described)
    {
        if (!document.Paths.TryGetValue(described.Path, out var path))
            document.Paths.Add(described.Path, path = new OpenApiPathItem());
        if (path.Operations is not null && path.Operations.TryGetValue(described.Method, out var operation))
            return operation;
        operation = new OpenApiOperation();
        ((OpenApiPathItem)path).AddOperation(described.Method, operation);
        return operation;
    }

    private static void Describe(
        OpenApiDocument document, OpenApiOperation operation, Operation described, DocumentFilterContext context)
    {
        operation.Summary = described.Summary;
        operation.Description = described.Description.ReplaceLineEndings(" ");
        operation.OperationId = described.Id;
        operation.Tags = new HashSet<OpenApiTagReference> { new(described.Tag, document) };
        var scheme = described.Authorised ? SecurityScheme : described.ByLink ? LinkScheme : null;
        operation.Security = scheme is null
            ? []
            : [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, document)] = [] }];

        DescribeParameters(operation, described);
        if (described.Request is not null)
            DescribeRequest(operation, described, described.Request, context);

        operation.Responses = [];
        foreach (var answer in described.Answers)
            operation.Responses.Add(Status(answer.Status), Response(answer, described, context));
        var refusals = RefusalsOf(described).DistinctBy(problem => (problem.Status, problem.Code)).ToList();
        if (refusals.Count == 0)
            return;
        var schema = ProblemOf(described, refusals, context);
        foreach (var status in refusals.GroupBy(problem => problem.Status).OrderBy(group => group.Key))
            operation.Responses.TryAdd(Status(status.Key), Response([.. status], schema));
    }

    private static void DescribeParameters(OpenApiOperation operation, Operation described)
    {
        operation.Parameters ??= [];
        foreach (var parameter in operation.Parameters.OfType<OpenApiParameter>())
            Parameters.Describe(parameter, described.Path);
        foreach (var (name, meaning) in described.RequestHeaders)
            operation.Parameters.Add(Parameters.Header(name, meaning));
        if (described is { Api: true } && IsRead(described))
            operation.Parameters.Add(Parameters.MinPosition);
    }

    private static bool IsRead(Operation described) =>
        described.Method == HttpMethod.Get || described.Method == HttpMethod.Head;

    private static void DescribeRequest(
        OpenApiOperation operation, Operation described, string example, DocumentFilterContext context)
    {
        if (described.RequestSchema is { } schema)
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, IOpenApiMediaType>
                {
                    [described.RequestMediaType] = new OpenApiMediaType { Schema = schema() },
                },
            };
        }

        foreach (var content in operation.RequestBody?.Content?.Values.OfType<OpenApiMediaType>() ?? [])
        {
            content.Example = JsonNode.Parse(example);
            SchemaMembers.Require(content.Schema!, described.Required, context.SchemaRepository);
        }
    }

    private static OpenApiResponse Response(Answer answer, Operation described, DocumentFilterContext context)
    {
        var response = new OpenApiResponse { Description = answer.Description };
        if (described.Api && !IsRead(described))
        {
            response.Headers = new Dictionary<string, IOpenApiHeader>
            {
                [PositionToken.AnswerHeader] = Parameters.Position,
            };
        }

        if (answer.Example is null)
            return response;
        response.Content = new Dictionary<string, IOpenApiMediaType>
        {
            [answer.MediaType] = new OpenApiMediaType
            {
                Schema = answer.Body is null
                    ? new OpenApiSchema()
                    : context.SchemaGenerator.GenerateSchema(answer.Body, context.SchemaRepository),
                Example = answer.MediaType == "application/json"
                    ? JsonNode.Parse(answer.Example)
                    : JsonValue.Create(answer.Example),
            },
        };
        return response;
    }

    /// <summary>
    /// The schema of an operation's problems: that of all problems, with the codes that this operation answers.
    /// </summary>
    private static OpenApiSchemaReference ProblemOf(
        Operation described, IEnumerable<Problem> refusals, DocumentFilterContext context)
    {
        var reference = (OpenApiSchemaReference)context.SchemaGenerator
            .GenerateSchema(typeof(Problem), context.SchemaRepository);
        var any = (OpenApiSchema)context.SchemaRepository.Schemas[reference.Reference.Id!];
        var own = new OpenApiSchema
        {
            Type = any.Type,
            Description = $"A refusal of `{described.Id}` (RFC 9457). There may be further codes: see the reference.",
            Properties = new Dictionary<string, IOpenApiSchema>(any.Properties!),
            Required = any.Properties!.Keys.Where(name => name != "errors").ToHashSet(),
        };
        own.Properties["code"] = new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Enum = [.. refusals.Select(problem => problem.Code).Distinct().Select(code => JsonValue.Create(code))],
        };
        return context.SchemaRepository.AddDefinition(
            char.ToUpperInvariant(described.Id[0]) + described.Id[1..] + "Problem", own);
    }

    private static OpenApiResponse Response(IReadOnlyList<Problem> problems, IOpenApiSchema schema)
    {
        var response = new OpenApiResponse
        {
            Description = string.Join(", ", problems.Select(problem => $"`{problem.Code}`")),
            Content = new Dictionary<string, IOpenApiMediaType>
            {
                [Problem.MediaType] = new OpenApiMediaType
                {
                    Schema = schema,
                    Examples = problems.ToDictionary(
                        problem => problem.Code,
                        IOpenApiExample (problem) => new OpenApiExample { Value = JsonNode.Parse(problem.ToBytes()) }),
                },
            },
        };
        if (problems.Any(problem => problem.RetryAfter is not null))
            response.Headers = new Dictionary<string, IOpenApiHeader> { ["Retry-After"] = Parameters.RetryAfter };
        return response;
    }

    /// <summary>Everything by which an operation refuses: what it declares, and what is common to its kind.</summary>
    internal static IEnumerable<Problem> RefusalsOf(Operation described)
    {
        foreach (var refusal in described.Refusals)
            yield return Problems.Of(refusal, Examples.TraceId);
        foreach (var status in described.Statuses)
            yield return Problems.OfStatus(status, Examples.TraceId);
        if (!described.Api)
            yield break;
        if (described.Request is not null)
        {
            yield return Problems.OfField("field", "says what is wrong with it.", Examples.TraceId);
            yield return Problems.Of(Problems.MalformedJson, Examples.TraceId);
            yield return Problems.OfStatus(408, Examples.TraceId);
            yield return Problems.OfStatus(413, Examples.TraceId);
            yield return Problems.OfStatus(415, Examples.TraceId);
        }
        else if (IsRead(described))
        {
            yield return Problems.OfField("limit", "must be between 1 and 200.", Examples.TraceId);
            yield return Problems.Of(Positions.InvalidPosition, Examples.TraceId);
            yield return Problems.Of(Positions.PositionUnknown, Examples.TraceId);
            yield return Problems.Of(Positions.ReadModelsBehind, Examples.TraceId);
        }

        if (described.Authorised)
        {
            foreach (var refusal in OfTokens)
                yield return Problems.Of(refusal, Examples.TraceId);
        }

        yield return Problems.OfStatus(400, Examples.TraceId);
        yield return Problems.Of(Refusal.RateLimited, Examples.TraceId);
        yield return Problems.OfStatus(414, Examples.TraceId);
        yield return Problems.OfStatus(500, Examples.TraceId);
        yield return Problems.Of(Problems.StoreUnavailable, Examples.TraceId);
        yield return Problems.OfStatus(503, Examples.TraceId);
    }

    private static string Status(int status) => status.ToString(CultureInfo.InvariantCulture);
}
