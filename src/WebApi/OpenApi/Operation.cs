using ChatCqrs.Domain;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>The description of an endpoint in the OpenAPI document, beyond its types.</summary>
/// <param name="Path">The path, with its parameters in braces.</param>
/// <param name="Tag">The group in Swagger UI.</param>
/// <param name="Summary">One line.</param>
/// <param name="Description">The facts that a caller needs; line breaks become spaces.</param>
internal sealed record Operation(HttpMethod Method, string Path, string Tag, string Summary, string Description)
{
    /// <summary>
    /// The name of the call in generated clients: a verb and its object in camel case, unique. It never changes, since
    /// clients are built with it.
    /// </summary>
    public required string Id { get; init; }

    /// <summary>An example of the request body, in JSON; null for no body.</summary>
    public string? Request { get; init; }

    /// <summary>
    /// The members that the request body must have; those of inner objects follow the outer one's name and a dot.
    /// </summary>
    public IReadOnlyList<string> Required { get; init; } = [];

    /// <summary>The media type of the request body.</summary>
    public string RequestMediaType { get; init; } = "application/json";

    /// <summary>The schema of the request body, where the framework does not know it.</summary>
    public Func<OpenApiSchema>? RequestSchema { get; init; }

    /// <summary>The meaning of the request's headers, by name.</summary>
    public IReadOnlyDictionary<string, string> RequestHeaders { get; init; } = new Dictionary<string, string>();

    /// <summary>The successful answers.</summary>
    public required IReadOnlyList<Answer> Answers { get; init; }

    /// <summary>The endpoint's own refusals, besides those common to its kind.</summary>
    public IReadOnlyList<Refusal> Refusals { get; init; } = [];

    /// <summary>Further statuses by which the framework refuses.</summary>
    public IReadOnlyList<int> Statuses { get; init; } = [];

    /// <summary>Whether it needs an access token.</summary>
    public bool Authorised { get; init; } = true;

    /// <summary>Whether it needs the secret of a device link instead.</summary>
    public bool ByLink { get; init; }

    /// <summary>Whether it uses <c>Chat-Position</c> and <c>Chat-Min-Position</c>, and has rate limits.</summary>
    public bool Api { get; init; } = true;
}

/// <summary>A successful answer of an endpoint.</summary>
/// <param name="Body">The type of the body; null for no body, or one without a schema.</param>
/// <param name="Example">An example of the body; null for no body.</param>
/// <param name="MediaType">The media type of the body.</param>
internal sealed record Answer(
    int Status, string Description, Type? Body = null, string? Example = null, string MediaType = "application/json");
