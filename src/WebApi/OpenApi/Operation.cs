using ChatCqrs.Domain;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>What the OpenAPI document says of an endpoint beyond its types.</summary>
/// <param name="Path">As in API.md, with its parameters in braces.</param>
/// <param name="Tag">The group in Swagger UI.</param>
/// <param name="Summary">One line.</param>
/// <param name="Description">What one has to know to use it.</param>
internal sealed record Operation(HttpMethod Method, string Path, string Tag, string Summary, string Description)
{
    /// <summary>An example of the body, in JSON; null when it takes none.</summary>
    public string? Request { get; init; }

    /// <summary>The body's media type.</summary>
    public string RequestMediaType { get; init; } = "application/json";

    /// <summary>The body's form, where the framework does not know it.</summary>
    public Func<OpenApiSchema>? RequestSchema { get; init; }

    /// <summary>Headers that the request has, by name, with what they mean.</summary>
    public IReadOnlyDictionary<string, string> RequestHeaders { get; init; } = new Dictionary<string, string>();

    /// <summary>The answers of success.</summary>
    public required IReadOnlyList<Answer> Answers { get; init; }

    /// <summary>The refusals of its own, beside those that every endpoint of its kind has.</summary>
    public IReadOnlyList<Refusal> Refusals { get; init; } = [];

    /// <summary>Statuses by which the framework refuses, beside them.</summary>
    public IReadOnlyList<int> Statuses { get; init; } = [];

    /// <summary>Whether it needs an access token.</summary>
    public bool Authorised { get; init; } = true;

    /// <summary>Whether it takes part in <c>Chat-Position</c> and <c>Chat-Min-Position</c>, and has limits.</summary>
    public bool Api { get; init; } = true;
}

/// <param name="Body">Its type; null when the answer has none, or none in JSON.</param>
/// <param name="Example">An example of it.</param>
/// <param name="MediaType">The body's.</param>
internal sealed record Answer(int Status, string Description, Type? Body = null, string? Example = null, string MediaType = "application/json");
